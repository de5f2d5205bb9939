//! Decodes FILE to raw little-endian f32 on standard output; what is known about it goes to standard
//! error. For comparing with other decoders by hand.

use std::io::Write as _;

use scribed_plugin::testing::{Driver, Media};
use scribed_stage_decode::Decode;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: pcm FILE > samples.f32")?;
    let media = Media::file(path)?;
    let mut driver = Driver::<Decode>::open(&serde_json::json!({}))?;
    let (result, blocks) = driver.process_all(&media);
    let mut output = std::io::stdout().lock();
    let mut next = 0;
    for block in &blocks {
        let frames = block.samples.len() / block.channels as usize;
        if block.start_frame != next {
            eprintln!("gap: {next} to {}", block.start_frame);
        }
        next = block.start_frame + i64::try_from(frames)?;
        for sample in &block.samples {
            output.write_all(&sample.to_le_bytes())?;
        }
    }
    for facts in driver.facts() {
        eprintln!("{facts:?}");
    }
    for warning in driver.warnings() {
        eprintln!("{warning:?}");
    }
    eprintln!("{} blocks, end {next}", blocks.len());
    result.map_err(Into::into)
}
