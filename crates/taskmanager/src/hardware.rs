//! What the machine has, as far as this process may use it.

use std::thread;

use flott_control::protocol::Hardware;
use flott_reporter::Memory;

/// Cores that the process may use.
pub(crate) fn cpu_cores() -> u32 {
    thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}

/// Cores and memory, bounded by the container's limit if there is one. What can't be told is 0.
pub(crate) fn read() -> Hardware {
    let Memory { total, available } = Memory::read();
    Hardware { cpu_cores: cpu_cores(), physical_memory: total, free_memory: available, managed_memory: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_cores_and_memory() {
        let hardware = read();
        assert!(hardware.cpu_cores > 0);
        assert!(hardware.physical_memory >= hardware.free_memory && hardware.free_memory > 0);
    }
}
