//! Options of local files.

use crate::config::option::options;

options! {
    /// Directories for temporary files: artifacts that a TaskManager fetched and the working directories of its task
    /// hosts. Set them to local disks with space if `/tmp` is small or in memory.
    TMP_DIRS: Vec<String> = "io.tmp.dirs", default "/tmp", older ["taskmanager.tmp.dirs"],
        limit "a list of at least one directory, as in [/tmp] or /disk1;/disk2" => |dirs| !dirs.is_empty();
}
