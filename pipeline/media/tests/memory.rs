//! The memory twin keeps the promises.

use std::sync::Arc;

use scribed_media::MemoryMedia;
use scribed_media::conformance::Bench;

scribed_media::media_conformance!(Bench { store: Arc::new(MemoryMedia::new()), kept: () });
