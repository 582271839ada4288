//! Stacks of subtasks without what is the same in all of them.

/// The function of the runtime from which on a stack is the subtask's; see `flott_runtime::sampling`.
const BEGIN: &str = "flott_runtime::sampling::threads::run_subtask";

/// How names begin of what lies between the runtime and the operators.
const PLUMBING: [&str; 13] = [
    "[",
    "__rust_try",
    "__clone",
    "alloc::",
    "clone3",
    "core::",
    "flott_runtime::sampling::",
    "flott_runtime::scope::",
    "flott_runtime::subtask::",
    "flott_runtime::task_host::",
    "start_thread",
    "std::",
    "tokio::",
];

/// What is worth to be seen of a stack: the names from that of the subtask's first function on, outermost first. The names are
/// given innermost first. Never empty, unless they are.
pub fn of_subtask<'a>(innermost_first: &[&'a str]) -> Vec<&'a str> {
    let begin = innermost_first.iter().rposition(|name| name.contains(BEGIN));
    let own = &innermost_first[..begin.unwrap_or(innermost_first.len())];
    let is_plumbing = |name: &str| {
        let name = name.trim_start_matches(['<', '&', '(']).trim_start_matches("dyn ");
        PLUMBING.iter().any(|begin| name.starts_with(begin))
    };
    let plumbing = own.iter().rev().take_while(|name| is_plumbing(name)).count();
    // The innermost always stays.
    let kept = (own.len() - plumbing).max(1).min(own.len());
    own[..kept].iter().rev().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_in_all_stacks_is_left_out() {
        let stack = [
            "my_job::slow",
            "core::ops::function::FnMut::call_mut",
            "<flott_runtime::operators::map::Map<F> as flott_runtime::output::Output>::process",
            "<core::panic::unwind_safe::AssertUnwindSafe<F> as core::ops::function::FnOnce<()>>::call_once",
            "std::panicking::catch_unwind",
            "flott_runtime::subtask::Loop::process::{{closure}}",
            "flott_runtime::sampling::threads::run_subtask",
            "tokio::runtime::task::raw::poll",
            "start_thread",
        ];
        let expected = [stack[2], stack[1], stack[0]];
        assert_eq!(of_subtask(&stack), expected);
        // The beginning may be out of reach, or stripped.
        assert_eq!(of_subtask(&stack[..5]), expected);
        assert_eq!(of_subtask(&stack[4..]), ["std::panicking::catch_unwind"]);
        assert_eq!(of_subtask(&[]), [""; 0]);
        assert_eq!(of_subtask(&stack[6..]), [""; 0]);
    }
}
