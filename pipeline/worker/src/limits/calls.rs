//! Calls: what a worker that is locked in may not ask of the kernel.
//!
//! A list of what is refused, not of what is allowed: what an allocator or a runtime calls changes with
//! their versions, and a worker that dies of an update protects nobody.

use std::collections::BTreeMap;
use std::error::Error;

use rustix::io::Errno;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// Calls by their numbers; without a rule one is refused whatever its arguments are.
type Calls = BTreeMap<i64, Vec<SeccompRule>>;

/// What is not in order with a filter, or the kernel has against it.
type Problem = Box<dyn Error>;

/// `fchmodat2`, `setxattrat`, `removexattrat` and `file_setattr`: newer than the names that we have, and
/// the same number on every architecture.
const NEWER: [i64; 4] = [452, 463, 466, 469];

/// Commands of `fcntl` that say who gets signals of a descriptor, and which: `F_SETOWN`, `F_SETSIG`,
/// `F_SETOWN_EX`.
const SIGNALS_OF_FILE: [u64; 3] = [8, 10, 15];

/// Requests of `ioctl` that say the same of a socket: `FIOSETOWN`, `SIOCSPGRP`.
const SIGNALS_OF_SOCKET: [u64; 2] = [0x8901, 0x8902];

/// Bit of the numbers that calls have in the other ABI of x86-64, x32.
#[cfg(target_arch = "x86_64")]
const X32: i64 = 0x4000_0000;

/// Refuses calls for good; returns what could not be refused.
///
/// It knows the number of this process, so it is to be called in the very process that it is for.
pub(super) fn refuse() -> Option<String> {
    let refuse = || {
        filter(refused()?, Errno::PERM)?;
        // Its flags lie in memory, where no filter can read whether a thread or a process is wanted. One
        // that the kernel seems not to know, glibc replaces by `clone`.
        filter(also_in_x32(whole([libc::SYS_clone3])), Errno::NOSYS)
    };
    refuse().err().map(|error| format!("system calls are not refused: {error}"))
}

/// Has the kernel answer calls with an error.
fn filter(calls: Calls, answer: Errno) -> Result<(), Problem> {
    let answer = SeccompAction::Errno(u32::try_from(answer.raw_os_error())?);
    let arch = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(calls, SeccompAction::Allow, answer, arch)?;
    let program: BpfProgram = filter.try_into()?;
    Ok(seccompiler::apply_filter_all_threads(&program)?)
}

/// Returns all that is refused.
fn refused() -> Result<Calls, Problem> {
    let mut calls = whole(opening().into_iter().chain(changing()).chain(administering()));
    calls.extend(whole(older()));
    calls.extend(by_argument()?);
    Ok(also_in_x32(calls))
}

fn whole(calls: impl IntoIterator<Item = i64>) -> Calls {
    calls.into_iter().map(|call| (call, Vec::new())).collect()
}

/// Calls that open anything new: the network, files, programs, other processes.
fn opening() -> Vec<i64> {
    vec![
        // Network, and other processes' ends of sockets.
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_accept,
        libc::SYS_accept4,
        // Files; the descriptors that there are go on working.
        libc::SYS_openat,
        libc::SYS_openat2,
        libc::SYS_open_by_handle_at,
        // Programs and processes.
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_getfd,
        libc::SYS_pidfd_send_signal,
        // Ways around all of it.
        libc::SYS_io_uring_setup,
        libc::SYS_userfaultfd,
    ]
}

/// Calls that change what the file system says of a file; Landlock knows nothing of modes, owners, times
/// and attributes.
///
/// Those that take a descriptor as well: the recording is open for reading, and that is enough for them.
fn changing() -> Vec<i64> {
    let mut calls = vec![
        libc::SYS_unlinkat,
        libc::SYS_renameat2,
        libc::SYS_mkdirat,
        libc::SYS_mknodat,
        libc::SYS_linkat,
        libc::SYS_symlinkat,
        libc::SYS_truncate,
        libc::SYS_fchmod,
        libc::SYS_fchmodat,
        libc::SYS_fchown,
        libc::SYS_fchownat,
        libc::SYS_utimensat,
        libc::SYS_setxattr,
        libc::SYS_lsetxattr,
        libc::SYS_fsetxattr,
        libc::SYS_removexattr,
        libc::SYS_lremovexattr,
        libc::SYS_fremovexattr,
    ];
    calls.extend(NEWER);
    calls
}

/// Calls that only administrators need.
fn administering() -> Vec<i64> {
    vec![
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_chroot,
        libc::SYS_pivot_root,
        libc::SYS_setns,
        libc::SYS_unshare,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_kexec_load,
    ]
}

/// Calls that newer architectures have only in their newer form.
#[cfg(target_arch = "x86_64")]
fn older() -> Vec<i64> {
    vec![
        libc::SYS_open,
        libc::SYS_creat,
        libc::SYS_unlink,
        libc::SYS_rename,
        libc::SYS_renameat,
        libc::SYS_mkdir,
        libc::SYS_rmdir,
        libc::SYS_mknod,
        libc::SYS_link,
        libc::SYS_symlink,
        libc::SYS_chmod,
        libc::SYS_chown,
        libc::SYS_lchown,
        libc::SYS_utime,
        libc::SYS_utimes,
        libc::SYS_futimesat,
        libc::SYS_fork,
        libc::SYS_vfork,
    ]
}

/// Calls that newer architectures have only in their newer form.
#[cfg(target_arch = "aarch64")]
fn older() -> Vec<i64> {
    vec![libc::SYS_renameat]
}

/// Calls that newer architectures have only in their newer form.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn older() -> Vec<i64> {
    Vec::new()
}

/// Calls that a worker needs for itself, and may not turn on anybody else.
fn by_argument() -> Result<Calls, Problem> {
    use SeccompCmpOp::{Eq, MaskedEq, Ne};
    let own = u64::from(std::process::id());
    let thread = u64::try_from(libc::CLONE_THREAD)?;
    let mut calls = Calls::new();
    // The daemon and the other workers are the same user. `abort` sends a signal to its own process.
    for call in [
        libc::SYS_kill,
        libc::SYS_tgkill,
        libc::SYS_tkill,
        libc::SYS_rt_sigqueueinfo,
        libc::SYS_rt_tgsigqueueinfo,
    ] {
        calls.insert(call, vec![when(&[(0, Ne, own)])?]);
    }
    calls.insert(libc::SYS_prlimit64, vec![when(&[(0, Ne, own), (0, Ne, 0)])?]);
    // A descriptor can be made to send any signal to any process of the same user.
    for (call, requests) in
        [(libc::SYS_fcntl, &SIGNALS_OF_FILE[..]), (libc::SYS_ioctl, &SIGNALS_OF_SOCKET)]
    {
        let rules = requests.iter().map(|request| when(&[(1, Eq, *request)]));
        calls.insert(call, rules.collect::<Result<_, _>>()?);
    }
    // Threads are made by it as well as processes.
    calls.insert(libc::SYS_clone, vec![when(&[(0, MaskedEq(thread), 0)])?]);
    // It ends with its daemon.
    let parent = u64::try_from(libc::PR_SET_PDEATHSIG)?;
    calls.insert(libc::SYS_prctl, vec![when(&[(0, Eq, parent)])?]);
    Ok(calls)
}

/// Makes a rule that fits when all its conditions hold: which argument, compared how, with what.
///
/// Of an argument the lower half is compared, which is all that the kernel takes of these.
fn when(conditions: &[(u8, SeccompCmpOp, u64)]) -> Result<SeccompRule, Problem> {
    let condition = |(argument, how, value): &(u8, SeccompCmpOp, u64)| {
        SeccompCondition::new(*argument, SeccompCmpArgLen::Dword, how.clone(), *value)
    };
    let conditions = conditions.iter().map(condition).collect::<Result<_, _>>()?;
    Ok(SeccompRule::new(conditions)?)
}

/// Adds the same calls under their numbers in x32, and those that x32 alone has; kernels may serve both.
#[cfg(target_arch = "x86_64")]
fn also_in_x32(mut calls: Calls) -> Calls {
    let same: Vec<_> = calls.iter().map(|(call, rules)| (call | X32, rules.clone())).collect();
    calls.extend(same);
    calls.extend(whole((512..548).map(|call| call | X32)));
    calls
}

/// Other architectures have one ABI.
#[cfg(not(target_arch = "x86_64"))]
fn also_in_x32(calls: Calls) -> Calls {
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_makes_a_program_that_the_kernel_can_take() {
        let calls = refused().unwrap();
        let arch = std::env::consts::ARCH.try_into().unwrap();
        let refuse = SeccompAction::Errno(1);
        let filter = SeccompFilter::new(calls, SeccompAction::Allow, refuse, arch).unwrap();
        let program: BpfProgram = filter.try_into().unwrap();
        assert!(program.len() <= 4_096, "{} instructions", program.len());
    }

    #[test]
    fn threads_and_what_a_worker_does_to_itself_stay_allowed() {
        let calls = refused().unwrap();
        for call in [libc::SYS_clone, libc::SYS_tgkill, libc::SYS_kill, libc::SYS_prlimit64] {
            assert!(!calls[&call].is_empty(), "{call} is refused only by its arguments");
        }
        assert!(
            !calls.contains_key(&libc::SYS_clone3),
            "glibc falls back only where it is unknown"
        );
    }
}
