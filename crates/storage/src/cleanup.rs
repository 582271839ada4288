use flott_core::checkpoint::StateFile;
use futures::{StreamExt, stream};

use crate::{Error, Storage, StorageUri};

/// How many files are deleted at the same time.
const AT_ONCE: usize = 16;

/// Deletes files that are referred to from a file in `base`, as many as possible. Files that are not there are no errors.
///
/// Gives back what failed, for a log; files that could not be deleted can be tried again.
pub async fn delete_files(storage: &Storage, base: &StorageUri, files: &[StateFile]) -> Vec<Error> {
    let uris: Vec<_> = files.iter().map(|file| base.resolve(&file.path)).collect();
    let deletions = uris.into_iter().map(|uri| async { storage.delete(&uri?).await });
    let results = stream::iter(deletions).buffer_unordered(AT_ONCE);
    results.filter_map(|result| async { result.err() }).collect().await
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::{
        FailureKind, StorageOptions,
        testing::{Fault, Faults},
    };

    #[tokio::test]
    async fn one_failure_does_not_stop_the_others() {
        let directory = TempDir::new().unwrap();
        let root = StorageUri::from_local(directory.path()).unwrap();
        let faults = Faults::default();
        let storage = Storage::open(&StorageOptions::default().with_faults(faults.clone()));
        let paths: Vec<_> =
            (0..50).map(|i| if i % 2 == 0 { format!("f{i}") } else { format!("../shared/f{i}") }).collect();
        let base = root.join("chk-1");
        for path in &paths {
            storage.put(&base.resolve(path).unwrap(), "x".into()).await.unwrap();
        }
        let mut files: Vec<_> = paths.iter().map(|path| StateFile { path: path.clone(), size: 1 }).collect();
        files.push(StateFile { path: "../../outside".into(), size: 1 });
        files.push(StateFile { path: "missing".into(), size: 1 });
        faults.add(Fault::fail(FailureKind::Denied).at("shared/f7"));
        let errors = delete_files(&storage, &base, &files).await;
        assert_eq!(errors.len(), 2, "{errors:?}");
        let left: Vec<_> = storage.list(&root).await.unwrap().into_iter().map(|file| file.uri).collect();
        assert_eq!(left, [root.join("shared/f7")]);
    }
}
