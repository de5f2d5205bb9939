//! The machine: processor, memory, devices, what the kernel can refuse, limits, clock.
//!
//! All of it is read from `/proc`, `/sys` and `/dev`, from a root that a test may set.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, getrlimit};

use super::{Finding, bytes};

/// Descriptors that a busy daemon may need at once: connections, recordings, workers.
const DESCRIPTORS: u64 = 8_192;
/// A model takes its file's size for weights, and about as much again for its states.
const MODEL_FACTOR: u64 = 2;

/// Where the kernel's files are.
#[derive(Debug, Clone)]
pub struct Machine {
    root: PathBuf,
}

impl Default for Machine {
    fn default() -> Self {
        Self { root: PathBuf::from("/") }
    }
}

impl Machine {
    /// Looks at everything; `model_bytes` is the size of the largest model in use, `for_gpu` whether the
    /// stages were built to work on a GPU.
    pub fn look(&self, model_bytes: u64, for_gpu: bool) -> Vec<Finding> {
        let mut findings = vec![self.processor(), self.memory(model_bytes)];
        findings.extend(self.devices(for_gpu));
        findings.extend([self.confinement(), descriptors(), cores(), self.clock()]);
        findings
    }

    fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.root.join(file)).ok()
    }

    fn processor(&self) -> Finding {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let info = self.read("proc/cpuinfo").unwrap_or_default();
        let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let model = model.map_or("of an unknown kind", |(_, name)| name.trim());
        let seen = format!("{count} cores, {model}");
        let is_old = info.contains("flags") && !info.split_whitespace().any(|word| word == "avx2");
        if is_old {
            let todo =
                "recognition without a GPU is several times slower here; use another machine";
            return Finding::fair("processor", format!("{seen}, without AVX2"), todo);
        }
        Finding::good("processor", seen)
    }

    fn memory(&self, model_bytes: u64) -> Finding {
        let info = self.read("proc/meminfo").unwrap_or_default();
        let field = |name: &str| {
            let line = info.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib << 10)
        };
        let (Some(total), Some(free)) = (field("MemTotal"), field("MemAvailable")) else {
            let todo = "is /proc mounted?";
            return Finding::fair("memory", "the kernel does not tell how much there is", todo);
        };
        let seen = format!("{} free of {}", bytes(free), bytes(total));
        let wanted = model_bytes.saturating_mul(MODEL_FACTOR);
        if free < wanted {
            let seen = format!("{seen}; the model may take {}", bytes(wanted));
            return Finding::bad("memory", seen, "choose a smaller model, or end other programs");
        }
        Finding::good("memory", seen)
    }

    /// Looks for GPUs. That there is none is no fault.
    fn devices(&self, for_gpu: bool) -> Vec<Finding> {
        let named = |folder: &str, begins: &str| -> Vec<String> {
            let entries = fs::read_dir(self.root.join(folder)).into_iter().flatten().flatten();
            let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
            let is_one = |name: &String| {
                name.strip_prefix(begins).is_some_and(|rest| rest.parse::<u32>().is_ok())
            };
            names.filter(is_one).map(|name| format!("/{folder}/{name}")).collect()
        };
        let nvidia = named("dev", "nvidia");
        let others = named("dev/dri", "renderD");
        let driver = self.read("proc/driver/nvidia/version");
        let mut findings = Vec::new();
        match (driver.as_deref().and_then(|text| text.lines().next()), nvidia.is_empty()) {
            (Some(version), false) => {
                findings.push(Finding::good("driver", version.to_owned()));
                findings.push(self.usable(&nvidia, for_gpu, "cuda"));
            }
            (Some(version), true) => findings.push(Finding::bad(
                "devices",
                format!("{version}, and no /dev/nvidia0"),
                "run `nvidia-smi` once, or start nvidia-persistenced, which makes it",
            )),
            (None, false) => findings.push(Finding::bad(
                "driver",
                "there is /dev/nvidia0, and the driver is not loaded",
                "load it: modprobe nvidia",
            )),
            (None, true) if others.is_empty() => {
                findings.push(Finding::good("devices", "no GPU: recognition takes the processors"));
            }
            (None, true) => findings.push(self.usable(&others, for_gpu, "vulkan")),
        }
        findings
    }

    /// Looks whether devices can be used, for which a feature of the recogniser is built.
    fn usable(&self, devices: &[String], for_gpu: bool, feature: &str) -> Finding {
        if !for_gpu {
            return Finding::fair(
                "devices",
                format!("{}, and this build works on the processors alone", devices.join(", ")),
                format!("build with `--features scribed-stage-whisper/{feature}` to use it"),
            );
        }
        let access = rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK;
        let closed = devices.iter().find(|device| {
            let path = self.root.join(device.trim_start_matches('/'));
            rustix::fs::access(path, access).is_err()
        });
        match closed {
            None => Finding::good("devices", devices.join(", ")),
            Some(device) => Finding::bad(
                "devices",
                format!("{device} is not for this user"),
                "add it to the groups video and render; under systemd see gpu.conf beside the unit",
            ),
        }
    }

    /// Looks what the kernel can keep workers from.
    fn confinement(&self) -> Finding {
        let modules = self.read("sys/kernel/security/lsm").unwrap_or_default();
        let has_landlock = modules.split(',').any(|module| module.trim() == "landlock");
        let status = self.read("proc/self/status").unwrap_or_default();
        match (has_landlock, status.contains("Seccomp:")) {
            (true, true) => Finding::good("confinement", "Landlock and seccomp"),
            (false, true) => Finding::fair(
                "confinement",
                "seccomp, and no Landlock: workers are kept from opening files by seccomp alone",
                "a kernel from 5.13 on with lsm=…,landlock closes files a second time",
            ),
            (_, false) => Finding::fair(
                "confinement",
                "no seccomp: workers that read recordings are only kept apart as processes",
                "use a kernel with CONFIG_SECCOMP_FILTER",
            ),
        }
    }

    fn clock(&self) -> Finding {
        let keepers = ["run/systemd/timesync/synchronized", "run/chrony", "run/ntpd.pid"];
        if keepers.iter().any(|file| self.root.join(file).exists()) {
            return Finding::good("clock", "kept by a time service");
        }
        let seen = "no sign of a time service";
        let todo =
            "hosts of a cluster should agree to some seconds: run chrony or systemd-timesyncd";
        Finding::fair("clock", seen, todo)
    }
}

fn descriptors() -> Finding {
    let limit = getrlimit(Resource::Nofile).current;
    match limit {
        Some(limit) if limit < DESCRIPTORS => Finding::fair(
            "descriptors",
            format!("at most {limit} open at once"),
            format!("raise it to {DESCRIPTORS}: LimitNOFILE= of the unit, or ulimit -n"),
        ),
        Some(limit) => Finding::good("descriptors", format!("at most {limit} open at once")),
        None => Finding::good("descriptors", "no limit"),
    }
}

fn cores() -> Finding {
    match getrlimit(Resource::Core).current {
        Some(0) => Finding::good("core files", "none are written"),
        _ => Finding::fair(
            "core files",
            "a crash of the daemon writes its memory down, recordings with it",
            "LimitCORE=0 of the unit, or ulimit -c 0; workers never write any",
        ),
    }
}

/// Returns the space on the file system of a folder: free to us, and in all.
pub(super) fn space(folder: &Path) -> Option<(u64, u64)> {
    let there = folder.ancestors().find(|folder| folder.exists())?;
    let stat = rustix::fs::statvfs(there).ok()?;
    Some((stat.f_bavail.saturating_mul(stat.f_frsize), stat.f_blocks.saturating_mul(stat.f_frsize)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    /// A machine of files.
    fn machine(files: &[(&str, &str)]) -> (Machine, tempfile::TempDir) {
        let root = tempfile::tempdir().unwrap();
        for (file, text) in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        (Machine { root: root.path().to_owned() }, root)
    }

    #[track_caller]
    fn finds(files: &[(&str, &str)], part: &str, verdict: Verdict, word: &str) {
        finds_of_build(files, true, part, verdict, word);
    }

    #[track_caller]
    fn finds_of_build(
        files: &[(&str, &str)],
        for_gpu: bool,
        part: &str,
        verdict: Verdict,
        word: &str,
    ) {
        let (machine, _root) = machine(files);
        let findings = machine.look(1 << 30, for_gpu);
        let found = findings.iter().find(|finding| finding.part == part);
        let found = found.unwrap_or_else(|| panic!("nothing of {part}: {findings:?}"));
        assert_eq!(found.verdict, verdict, "{found:?}");
        assert!(found.seen.contains(word), "{found:?}");
        assert_eq!(found.todo.is_some(), verdict != Verdict::Good, "{found:?}");
    }

    #[test]
    fn a_model_that_does_not_fit_is_bad() {
        let memory = "MemTotal: 4000000 kB\nMemFree: 1 kB\nMemAvailable: 1500000 kB\n";
        finds(&[("proc/meminfo", memory)], "memory", Verdict::Bad, "may take 2048 MiB");
        let memory = "MemTotal: 9000000 kB\nMemAvailable: 8000000 kB\n";
        finds(&[("proc/meminfo", memory)], "memory", Verdict::Good, "7812 MiB free of 8789 MiB");
    }

    #[test]
    fn a_driver_without_its_device_is_bad_and_so_is_a_device_without_its_driver() {
        let version = ("proc/driver/nvidia/version", "NVRM version: 570.86\nGCC version: 12\n");
        finds(&[version], "devices", Verdict::Bad, "NVRM version: 570.86, and no /dev/nvidia0");
        let device = ("dev/nvidia0", "");
        finds(&[device], "driver", Verdict::Bad, "not loaded");
        finds(&[version, device], "devices", Verdict::Good, "/dev/nvidia0");
        finds(&[], "devices", Verdict::Good, "no GPU");
        // Not every name that begins so is a card.
        finds(&[("dev/nvidiactl", "")], "devices", Verdict::Good, "no GPU");
    }

    #[test]
    fn a_device_that_this_build_does_not_use_is_told() {
        let nvidia =
            [("proc/driver/nvidia/version", "NVRM version: 570.86\n"), ("dev/nvidia0", "")];
        let word = "/dev/nvidia0, and this build works on the processors alone";
        finds_of_build(&nvidia, false, "devices", Verdict::Fair, word);
        let other = [("dev/dri/renderD128", "")];
        let word = "/dev/dri/renderD128, and this build works on the processors alone";
        finds_of_build(&other, false, "devices", Verdict::Fair, word);
        finds(&other, "devices", Verdict::Good, "/dev/dri/renderD128");
        finds_of_build(&[], false, "devices", Verdict::Good, "no GPU");
    }

    #[test]
    fn a_clock_that_nobody_keeps_is_told() {
        let kept = ("run/systemd/timesync/synchronized", "");
        finds(&[kept], "clock", Verdict::Good, "kept by a time service");
        finds(&[("run/chrony/chronyd.pid", "1")], "clock", Verdict::Good, "kept by a time service");
        finds(&[], "clock", Verdict::Fair, "no sign of a time service");
    }

    #[test]
    fn what_the_kernel_cannot_refuse_is_told() {
        let seccomp = ("proc/self/status", "Seccomp:\t0\n");
        let landlock = ("sys/kernel/security/lsm", "lockdown,landlock,yama");
        finds(&[seccomp, landlock], "confinement", Verdict::Good, "Landlock and seccomp");
        finds(&[seccomp], "confinement", Verdict::Fair, "no Landlock");
        finds(&[], "confinement", Verdict::Fair, "no seccomp");
    }

    #[test]
    fn an_old_processor_is_told() {
        let old = ("proc/cpuinfo", "model name : Old\nflags : sse2 avx\n");
        finds(&[old], "processor", Verdict::Fair, "Old, without AVX2");
        let new = ("proc/cpuinfo", "model name : New\nflags : avx avx2\n");
        finds(&[new], "processor", Verdict::Good, "New");
    }
}
