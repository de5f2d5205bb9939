//! The memory twin keeps the promises.

use std::sync::Arc;

use scribed_media::MemoryMedia;
use scribed_media::conformance::Bench;

scribed_media::media_conformance!(Bench { store: Arc::new(MemoryMedia::new()), kept: () });
scribed_media::media_conformance!(@tests Bench { store: Arc::new(MemoryMedia::new()), kept: () }; an_open_recording_outlives_its_end);
