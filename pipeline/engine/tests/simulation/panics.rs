//! Panics: the engine survives those of its tasks, so they are counted where they happen.

use std::cell::Cell;
use std::panic;
use std::sync::Once;

thread_local! {
    /// Panics on this thread; a simulation has one of its own.
    static PANICS: Cell<u32> = const { Cell::new(0) };
}

/// Returns how many panics there were on this thread since it was first asked.
pub(crate) fn so_far() -> u32 {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            PANICS.with(|panics| panics.set(panics.get() + 1));
            tell(panic);
        }));
    });
    PANICS.with(Cell::get)
}
