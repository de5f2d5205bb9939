//! Cuts a 16 kHz mono WAV file into chunks and says where they come from: for tuning the options.
//!
//! `cargo run -p scribed-stage-vad --example chunks -- FILE.wav [OPTIONS-AS-JSON [FOLDER]]`; with a folder,
//! each chunk is written there as raw 32-bit floats.

use std::{env, error::Error, fs};

use scribed_plugin::testing::{self, Audio};
use scribed_schemas::audio::seconds;
use scribed_stage_vad::Vad;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let path = arguments.next().ok_or("name a file")?;
    let options =
        arguments.next().map_or(Ok(serde_json::json!({})), |o| serde_json::from_str(&o))?;
    let folder = arguments.next();
    let bytes = fs::read(path)?;
    let samples: Vec<f32> = bytes
        .get(44..)
        .ok_or("too short for a WAV file")?
        .chunks_exact(2)
        .map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0)
        .collect();
    let run = testing::run::<Vad>(options, [Audio::mono(16_000, samples)])?;
    for chunk in run.items {
        let len = i64::try_from(chunk.samples.len())?;
        println!("chunk {}: {:.2} s", chunk.number, seconds(len, 16_000));
        for span in &chunk.spans {
            let at = |frame| seconds(frame, chunk.source_rate);
            let (start, end) = (span.source_start, span.source_start + span.source_len);
            println!("  {:8.2} - {:8.2}", at(start), at(end));
        }
        if let Some(folder) = &folder {
            let raw: Vec<u8> = chunk.samples.iter().flat_map(|s| s.to_le_bytes()).collect();
            fs::write(format!("{folder}/{}.f32", chunk.number), raw)?;
            fs::write(
                format!("{folder}/{}.json", chunk.number),
                serde_json::to_string(&chunk.spans)?,
            )?;
        }
    }
    Ok(())
}
