//! Lets a thread of this process write down its own stack.
//!
//! The thread is sent `SIGPROF`; its handler walks the stack by the unwind tables that all Rust programs have, as a panic
//! would, and writes the addresses to a buffer that was there before. In the handler nothing is allocated, locked or
//! waited for: it claims the buffer with one atomic exchange, or returns. One thread at a time is asked, and a handler that comes
//! too late finds that nobody waits for it.
//!
//! A walk never goes through the unwinder itself: while that throws a panic it rewrites the very frames that a walk would read.
//! So it has to be known where its code lies, which it is if it is a shared library, as with Rust's usual targets.
//!
//! ```
//! # fn main() -> Result<(), flott_stacks::Unavailable> {
//! let (tell, told) = std::sync::mpsc::sync_channel(1);
//! let (stop, until) = std::sync::mpsc::sync_channel::<()>(1);
//! let waiting = std::thread::spawn(move || {
//!     tell.send(flott_stacks::thread_id()).unwrap();
//!     until.recv().is_err()
//! });
//! flott_stacks::prepare()?;
//! let stack = flott_stacks::capture(told.recv().unwrap(), None, 128).expect("it lives and waits");
//! assert!(!stack.addresses.is_empty());
//! # drop(stop);
//! # assert!(waiting.join().unwrap());
//! # Ok(())
//! # }
//! ```
#![allow(unsafe_code, reason = "signal handlers, and walking a stack, have no safe form")]

use std::{
    ffi::{c_int, c_void},
    mem, ptr,
    sync::{
        Mutex, PoisonError,
        atomic::{
            AtomicPtr, AtomicU64, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    thread,
    time::{Duration, Instant},
};

/// The signal. It is the one that profilers use; a program that has a handler of its own for it keeps that.
const SIGNAL: c_int = libc::SIGPROF;

/// How long a thread may take to begin. One that could run and does not get a processor takes so long.
const PATIENCE: Duration = Duration::from_millis(100);

/// Time between two looks whether a thread is done.
const PAUSE: Duration = Duration::from_micros(50);

/// Most functions of a stack that are written down.
pub const MAX_DEPTH: usize = 128;

/// Who holds it may ask threads.
static ASKING: Mutex<()> = Mutex::new(());

/// The thread that is asked, and how far it is: `thread << 2 | phase`.
static STATE: AtomicU64 = AtomicU64::new(IDLE);
/// Where the asked thread finds what it is to note beside its stack, or null. Valid while the state is not [`IDLE`].
static CELL: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
/// What it found there.
static NOTED: AtomicU64 = AtomicU64::new(0);
/// How many of the frames are its.
static LENGTH: AtomicUsize = AtomicUsize::new(0);
/// Its stack, innermost first.
static FRAMES: [AtomicUsize; MAX_DEPTH] = [const { AtomicUsize::new(0) }; MAX_DEPTH];

/// Where the unwinder's code begins and ends.
static UNWINDER: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

const IDLE: u64 = 0;
const REQUESTED: u64 = 1;
const WRITING: u64 = 2;
const DONE: u64 = 3;

const fn state(thread: u32, phase: u64) -> u64 {
    (thread as u64) << 2 | phase
}

/// The calling thread's number, by the operating system.
pub fn thread_id() -> u32 {
    // Not by the function of that name, which older C libraries do not have.
    // SAFETY: the call has no preconditions.
    u32::try_from(unsafe { libc::syscall(libc::SYS_gettid) }).unwrap_or_default()
}

/// Why stacks can't be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The program handles the signal itself.
    #[error("the program has a handler of its own for SIGPROF, so its stacks can't be looked at")]
    Occupied,
    /// The handler could not be set.
    #[error("the handler for SIGPROF could not be set")]
    Refused,
    /// It is not known how to find the interrupted function.
    #[error("stacks can't be looked at on this kind of processor")]
    Processor,
    /// It is not known where the unwinder's code lies.
    #[error("stacks can't be looked at in a program that is linked statically")]
    Static,
}

/// Makes sure that threads can be asked. May be called again.
///
/// # Errors
/// If they can't.
pub fn prepare() -> Result<(), Unavailable> {
    if !cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        return Err(Unavailable::Processor);
    }
    let _asking = ASKING.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: a zeroed `sigaction` is a valid one, and both pointers are to such.
    unsafe {
        let mut present: libc::sigaction = mem::zeroed();
        if libc::sigaction(SIGNAL, ptr::null(), &mut present) != 0 {
            return Err(Unavailable::Refused);
        }
        let own = on_signal as *const () as usize;
        if present.sa_sigaction == own {
            return Ok(());
        }
        if present.sa_sigaction != libc::SIG_DFL && present.sa_sigaction != libc::SIG_IGN {
            return Err(Unavailable::Occupied);
        }
        let (begin, end) = unwinder().ok_or(Unavailable::Static)?;
        UNWINDER[0].store(begin, Relaxed);
        UNWINDER[1].store(end, Relaxed);
        // The first walk sets up what later ones only read.
        walk(&mut Walk::from(None));
        let mut wanted: libc::sigaction = mem::zeroed();
        wanted.sa_sigaction = own;
        // Calls that the signal interrupts are made again. On the thread's own stack: the alternative one, if there is one,
        // is small.
        wanted.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        libc::sigemptyset(&mut wanted.sa_mask);
        // It stays for good: to be sent the signal without a handler would end the process.
        if libc::sigaction(SIGNAL, &wanted, ptr::null_mut()) == 0 {
            Ok(())
        } else {
            Err(Unavailable::Refused)
        }
    }
}

/// Finds the file in which the unwinder is, unless that is the program.
fn unwinder() -> Option<(usize, usize)> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let mappings = || {
        maps.lines().filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let (begin, end) = fields.next()?.split_once('-')?;
            let path = fields.nth(4)?;
            let hex = |text| usize::from_str_radix(text, 16).ok();
            Some((hex(begin)?, hex(end)?, path))
        })
    };
    let file_at = |address: usize| {
        let mut at = mappings().filter(|(begin, end, _)| (*begin..*end).contains(&address));
        at.next().map(|(.., path)| path)
    };
    let file = file_at(_Unwind_Backtrace as *const () as usize)?;
    if file_at(on_signal as *const () as usize) == Some(file) {
        return None;
    }
    let own = || mappings().filter(|(.., path)| *path == file);
    Some((own().map(|(begin, ..)| begin).min()?, own().map(|(_, end, _)| end).max()?))
}

/// What a thread was doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// What stood in the cell when the thread wrote; 0 if it was given none.
    pub noted: u64,
    /// Of its functions, innermost first.
    pub addresses: Vec<u64>,
}

/// Asks a thread, by its number, for its stack, and for what stands in a cell that it changes. `None` if it does not answer in
/// time, or has ended; or if threads can't be asked ([`prepare`]). Blocks.
pub fn capture(thread: u32, cell: Option<&AtomicU64>, max_depth: u32) -> Option<Captured> {
    // The handler may have been replaced meanwhile, and without one the signal would end the process.
    prepare().ok()?;
    let _asking = ASKING.lock().unwrap_or_else(PoisonError::into_inner);
    CELL.store(cell.map_or(ptr::null_mut(), |cell| ptr::from_ref(cell).cast_mut()), Relaxed);
    STATE.store(state(thread, REQUESTED), Release);
    // SAFETY: the call has no preconditions; a thread that has ended is an error.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, SIGNAL) } == 0;
    let answered = sent && wait_for(thread);
    if !answered && !withdraw(thread) {
        // It has begun just now, and it does not take long.
        while STATE.load(Acquire) != state(thread, DONE) {
            thread::sleep(PAUSE);
        }
    }
    if STATE.swap(IDLE, Acquire) != state(thread, DONE) {
        return None;
    }
    let length = LENGTH.load(Relaxed).min(MAX_DEPTH).min(max_depth as usize);
    let addresses = FRAMES[..length].iter().map(|frame| frame.load(Relaxed) as u64).collect();
    Some(Captured { noted: NOTED.load(Relaxed), addresses })
}

/// Waits until the thread has answered, or has taken too long to begin.
fn wait_for(thread: u32) -> bool {
    let deadline = now() + PATIENCE;
    loop {
        if STATE.load(Acquire) == state(thread, DONE) {
            return true;
        }
        if now() > deadline {
            return false;
        }
        thread::sleep(PAUSE);
    }
}

/// Takes a request back. Returns whether it was not taken up before.
fn withdraw(thread: u32) -> bool {
    STATE.compare_exchange(state(thread, REQUESTED), IDLE, Acquire, Acquire).is_ok()
}

extern "C" fn on_signal(_: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: errno is the thread's own.
    let errno = unsafe { *libc::__errno_location() };
    let thread = thread_id();
    let is_asked =
        STATE.compare_exchange(state(thread, REQUESTED), state(thread, WRITING), Acquire, Relaxed).is_ok();
    if is_asked {
        // SAFETY: who asks keeps the cell, if there is one, until we are done.
        let cell = unsafe { CELL.load(Relaxed).as_ref() };
        NOTED.store(cell.map_or(0, |cell| cell.load(Relaxed)), Relaxed);
        // SAFETY: the kernel hands the handler the context that it has interrupted.
        let mut frames = Walk::from(Some(unsafe { interrupted(context) }));
        walk(&mut frames);
        LENGTH.store(frames.length, Relaxed);
        STATE.store(state(thread, DONE), Release);
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

/// Where the thread was when the signal came.
///
/// # Safety
/// `context` is what the kernel has handed to a handler.
unsafe fn interrupted(context: *mut c_void) -> usize {
    let context = context.cast::<libc::ucontext_t>();
    #[cfg(target_arch = "x86_64")]
    // SAFETY: by the caller.
    return unsafe { (*context).uc_mcontext.gregs[libc::REG_RIP as usize] } as usize;
    #[cfg(target_arch = "aarch64")]
    // SAFETY: by the caller.
    return unsafe { (*context).uc_mcontext.pc } as usize;
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return context as usize;
}

/// A walk up a stack.
struct Walk {
    /// Frames before the one with this address are the handler's.
    from: Option<usize>,
    length: usize,
}

impl Walk {
    fn from(from: Option<usize>) -> Self {
        Self { from, length: 0 }
    }
}

/// `_URC_NO_REASON`: go on.
const GO_ON: c_int = 0;
/// `_URC_END_OF_STACK`: enough.
const STOP: c_int = 5;

#[repr(C)]
struct UnwindContext {
    _private: [u8; 0],
}

// The unwinder that std links for panics.
unsafe extern "C" {
    fn _Unwind_Backtrace(
        visit: extern "C" fn(*mut UnwindContext, *mut c_void) -> c_int,
        argument: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIPInfo(context: *mut UnwindContext, is_before_instruction: *mut c_int) -> usize;
}

fn walk(walk: &mut Walk) {
    // SAFETY: `visit` takes its argument for a walk, and keeps neither.
    unsafe { _Unwind_Backtrace(visit, ptr::from_mut(walk).cast()) };
}

extern "C" fn visit(context: *mut UnwindContext, walk: *mut c_void) -> c_int {
    // SAFETY: the unwinder hands on what `walk` gave it.
    let walk = unsafe { &mut *walk.cast::<Walk>() };
    let mut is_before = 0;
    // SAFETY: the context is the unwinder's own.
    let address = unsafe { _Unwind_GetIPInfo(context, &mut is_before) };
    if walk.from.is_some_and(|from| from != address) {
        return GO_ON;
    }
    walk.from = None;
    let Some(frame) = FRAMES.get(walk.length).filter(|_| address != 0) else { return STOP };
    // A return address may be the first of the next function.
    frame.store(if is_before == 0 { address - 1 } else { address }, Relaxed);
    walk.length += 1;
    // What is beyond may just be rewritten; and it is read only after this.
    let is_unwinder = (UNWINDER[0].load(Relaxed)..UNWINDER[1].load(Relaxed)).contains(&address);
    if is_unwinder { STOP } else { GO_ON }
}

#[expect(clippy::disallowed_methods, reason = "how long a thread takes is measured here")]
fn now() -> Instant {
    Instant::now()
}
