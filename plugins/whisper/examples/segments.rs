//! Recognises chunks written by the vad stage's example and prints their segments as JSON lines.
//!
//! `cargo run -p scribed-stage-whisper --example segments -- OPTIONS-AS-JSON FOLDER…`

use std::{env, error::Error, fs, path::Path, time::Instant};

use scribed_plugin::{
    prelude::Span,
    testing::{Chunk, Driver},
};
use scribed_stage_whisper::Whisper;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let options = serde_json::from_str(&arguments.next().ok_or("give options")?)?;
    let mut driver = Driver::<Whisper>::open(&options)?;
    for folder in arguments {
        let started = Instant::now();
        for number in 0.. {
            let Ok(chunk) = read(Path::new(&folder), number) else { break };
            for segments in driver.process(&chunk)? {
                println!("{}", serde_json::json!({ "folder": folder, "segments": segments }));
            }
        }
        println!(
            "{}",
            serde_json::json!({ "folder": folder, "secs": started.elapsed().as_secs_f64() })
        );
    }
    Ok(())
}

fn read(folder: &Path, number: u32) -> Result<Chunk, Box<dyn Error>> {
    let raw = fs::read(folder.join(format!("{number}.f32")))?;
    let spans: Vec<Span> =
        serde_json::from_slice(&fs::read(folder.join(format!("{number}.json")))?)?;
    let samples =
        raw.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    Ok(Chunk { number, samples, source_rate: 16_000, spans })
}
