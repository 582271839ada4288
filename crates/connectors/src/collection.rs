use std::sync::Arc;

use flott_runtime::{
    Batch, Boundedness, BoxError, ReadStatus, Record, RuntimeContext, Source, SourceReader, SplitEnumerator,
    all_splits,
};

/// Emits the elements of a collection, in order. The program makes the collection anew in each process.
pub struct CollectionSource<T> {
    elements: Arc<Vec<T>>,
}

impl<T> CollectionSource<T> {
    /// Emits these elements.
    pub fn new(elements: Vec<T>) -> Self {
        Self { elements: Arc::new(elements) }
    }
}

/// Reads a [`CollectionSource`].
pub struct CollectionReader<T> {
    elements: Arc<Vec<T>>,
    /// Index of the next element, while they are read.
    next: Option<usize>,
}

impl<T: Record + Sync> Source for CollectionSource<T> {
    type Record = T;
    /// Index of the first element.
    type Split = u64;
    type Reader = CollectionReader<T>;

    fn boundedness(&self) -> Boundedness {
        Boundedness::Bounded
    }

    fn enumerator(
        &self,
        _: &RuntimeContext,
        _: Option<&[u8]>,
    ) -> Result<Box<dyn SplitEnumerator<u64>>, BoxError> {
        Ok(all_splits(vec![0]))
    }

    fn reader(&self, _: &RuntimeContext) -> Result<CollectionReader<T>, BoxError> {
        Ok(CollectionReader { elements: self.elements.clone(), next: None })
    }
}

impl<T: Record + Sync> SourceReader for CollectionReader<T> {
    type Record = T;
    type Split = u64;

    fn start(&mut self, next: u64) -> Result<(), BoxError> {
        let count = self.elements.len();
        match usize::try_from(next) {
            Ok(next) if next <= count => self.next = Some(next),
            _ => {
                let error = format!(
                    "cannot go on with element {next} of a collection that has only {count}: \
                     has the program been changed?"
                );
                return Err(error.into());
            }
        }
        Ok(())
    }

    fn read(&mut self, batch: &mut Batch<T>) -> Result<ReadStatus, BoxError> {
        let Some(next) = self.next else { return Ok(ReadStatus::SplitEnded) };
        let rest = &self.elements[next..];
        let count = rest.len().min(flott_runtime::BATCH_RECORDS);
        batch.records.extend_from_slice(&rest[..count]);
        self.next = (count < rest.len()).then_some(next + count);
        Ok(if self.next.is_some() { ReadStatus::More } else { ReadStatus::SplitEnded })
    }

    fn snapshot(&mut self) -> Result<Option<u64>, BoxError> {
        Ok(self.next.map(|next| next as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::operator;

    #[test]
    fn a_collection_that_has_become_shorter_is_refused() {
        let mut reader = CollectionSource::new(vec!['a', 'b']).reader(&operator()).unwrap();
        assert_eq!(reader.snapshot().unwrap(), None);
        reader.start(2).unwrap();
        assert_eq!(reader.read(&mut Batch::new()).unwrap(), ReadStatus::SplitEnded);
        let error = reader.start(3).unwrap_err().to_string();
        assert!(error.contains("element 3 of a collection that has only 2"), "{error}");
    }
}
