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
    next: usize,
}

impl<T: Record + Sync> Source for CollectionSource<T> {
    type Record = T;
    type Split = ();
    type Reader = CollectionReader<T>;

    fn boundedness(&self) -> Boundedness {
        Boundedness::Bounded
    }

    fn enumerator(&self, _: &RuntimeContext) -> Result<Box<dyn SplitEnumerator<()>>, BoxError> {
        Ok(all_splits(vec![()]))
    }

    fn reader(&self, _: &RuntimeContext) -> Result<CollectionReader<T>, BoxError> {
        Ok(CollectionReader { elements: self.elements.clone(), next: 0 })
    }
}

impl<T: Record + Sync> SourceReader for CollectionReader<T> {
    type Record = T;
    type Split = ();

    fn start(&mut self, (): ()) -> Result<(), BoxError> {
        self.next = 0;
        Ok(())
    }

    fn read(&mut self, batch: &mut Batch<T>) -> Result<ReadStatus, BoxError> {
        let rest = &self.elements[self.next..];
        let count = rest.len().min(flott_runtime::BATCH_RECORDS);
        batch.records.extend_from_slice(&rest[..count]);
        self.next += count;
        Ok(if self.next == self.elements.len() { ReadStatus::SplitEnded } else { ReadStatus::More })
    }
}
