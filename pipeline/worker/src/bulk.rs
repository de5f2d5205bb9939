//! Bulk: samples, bytes of recordings and documents, in files of memory that nobody can change any more.
//!
//! A file is sealed against writing, growing and shrinking before it is handed over, and a receiver
//! insists on the seals: what it has measured cannot become shorter or other while it reads.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt as _;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, memfd_create};

/// Bytes of a sample.
const SAMPLE: usize = size_of::<f32>();

/// Makes a sealed file of bytes.
pub(crate) fn seal(bytes: &[u8]) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(memfd_create("scribed", flags)?);
    file.write_all(bytes)?;
    fcntl_add_seals(&file, seals() | SealFlags::SEAL)?;
    Ok(file.into())
}

/// Reads a sealed file of at most `longest` bytes.
pub(crate) fn open(file: &impl AsFd, longest: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; measured(file, longest)?];
    read(file, &mut bytes)?;
    Ok(bytes)
}

/// Returns how many bytes a sealed file has, which are at most `longest`.
fn measured(file: &impl AsFd, longest: u64) -> io::Result<usize> {
    let refuse = |why: String| Err(io::Error::new(io::ErrorKind::InvalidData, why));
    // Other files know no seals at all.
    if !fcntl_get_seals(file).is_ok_and(|found| found.contains(seals())) {
        return refuse("a file of bulk is not sealed".to_owned());
    }
    let length = fstat(file)?.st_size;
    let Some(length) = u64::try_from(length).ok().filter(|length| *length <= longest) else {
        return refuse(format!("{length} bytes of bulk, where {longest} are the most"));
    };
    usize::try_from(length).map_err(io::Error::other)
}

fn read(file: &impl AsFd, bytes: &mut [u8]) -> io::Result<()> {
    File::from(file.as_fd().try_clone_to_owned()?).read_exact_at(bytes, 0)
}

/// Makes a sealed file of samples, in the order of bytes of this machine, which has both ends.
pub(crate) fn seal_samples(samples: &[f32]) -> io::Result<OwnedFd> {
    seal(bytemuck::cast_slice(samples))
}

/// Reads a sealed file of at most `most` samples; each is a number.
pub(crate) fn open_samples(file: &impl AsFd, most: usize) -> io::Result<Vec<f32>> {
    let refuse = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidData, why.to_owned()));
    let length = measured(file, (most * SAMPLE) as u64)?;
    if length % SAMPLE != 0 {
        return refuse("samples end in the middle of one");
    }
    let mut samples = vec![0.0_f32; length / SAMPLE];
    read(file, bytemuck::cast_slice_mut(&mut samples))?;
    if samples.iter().all(|sample| sample.is_finite()) {
        Ok(samples)
    } else {
        refuse("a sample is no number")
    }
}

/// What must not happen to a file after it was handed over.
fn seals() -> SealFlags {
    SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_back_as_they_were() {
        let samples = [0.0, -1.0, 0.25, f32::MIN_POSITIVE];
        assert_eq!(open_samples(&seal_samples(&samples).unwrap(), 4).unwrap(), samples);
        assert!(open_samples(&seal_samples(&samples).unwrap(), 3).is_err());
    }

    #[test]
    fn what_could_still_change_is_refused() {
        let open_file = memfd_create("open", MemfdFlags::ALLOW_SEALING).unwrap();
        assert!(open(&open_file, 10).unwrap_err().to_string().contains("not sealed"));
        assert!(open(&tempfile::tempfile().unwrap(), 10).is_err());
        let half = SealFlags::SHRINK | SealFlags::GROW;
        fcntl_add_seals(&open_file, half).unwrap();
        assert!(open(&open_file, 10).is_err());
    }

    #[test]
    fn half_a_sample_and_no_number_are_refused() {
        assert!(open_samples(&seal(&[0; 6]).unwrap(), 10).is_err());
        assert!(open_samples(&seal_samples(&[f32::NAN]).unwrap(), 10).is_err());
    }
}
