//! Lists that belong to an operator's subtask, whatever the key: Flink's operator list state.
//!
//! A list has the elements that its subtask has put in. When the job goes on from a checkpoint or savepoint with as many
//! subtasks as before, each has its own elements again; with another number they are spread over the subtasks, one after the
//! other. Of a *union list* each subtask gets the elements of all subtasks at every restore, to choose from.
//!
//! ```
//! use flott_state::{OperatorListState, OperatorLists};
//!
//! let mut lists = OperatorLists::new();
//! let waiting: OperatorListState<String> = lists.list("waiting")?;
//! waiting.add(&mut lists, "first".to_owned());
//! waiting.add(&mut lists, "second".to_owned());
//! assert_eq!(waiting.get(&lists), ["first", "second"]);
//! waiting.update(&mut lists, vec!["third".to_owned()]);
//! assert_eq!(waiting.get(&lists), ["third"]);
//! # Ok::<(), flott_state::Error>(())
//! ```

mod stored;
#[cfg(test)]
mod tests;

use std::{
    any::{Any, type_name},
    marker::PhantomData,
    sync::Arc,
};

use crate::{
    Error, Result, StateInfo, StateKind, StateType, StateValue, TableDescription,
    codec::{self, Reader},
    schema::Schema,
    snapshot::Conversion,
};
pub use stored::{StoredElement, StoredLists};

/// Leads to the lists of the operator at work.
pub trait OperatorListContext {
    /// The lists.
    fn operator_lists(&self) -> &OperatorLists;

    /// The lists, to change them.
    fn operator_lists_mut(&mut self) -> &mut OperatorLists;
}

impl OperatorListContext for OperatorLists {
    #[inline]
    fn operator_lists(&self) -> &Self {
        self
    }

    #[inline]
    fn operator_lists_mut(&mut self) -> &mut Self {
        self
    }
}

/// All lists of an operator in a subtask, by name.
#[derive(Default)]
pub struct OperatorLists {
    lists: Vec<Registered>,
    /// What was restored of lists that are not registered.
    carried: Vec<Carried>,
}

struct Registered {
    info: StateInfo,
    elements: Box<dyn AnyList>,
    description: TableDescription,
}

struct Carried {
    description: TableDescription,
    elements: Vec<Vec<u8>>,
}

impl OperatorLists {
    /// No lists yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The list of this name, which is a new one if there is none. At a restore with another number of subtasks its elements
    /// are spread over them.
    ///
    /// # Errors
    /// If the name is taken by a list of another type, or what was restored of it does not fit.
    pub fn list<V: StateValue>(&mut self, name: impl Into<Arc<str>>) -> Result<OperatorListState<V>> {
        self.register(name.into(), StateKind::OperatorList)
    }

    /// As [`list`](Self::list), but at a restore each subtask gets the elements of all.
    ///
    /// # Errors
    /// As those of [`list`](Self::list).
    pub fn union_list<V: StateValue>(&mut self, name: impl Into<Arc<str>>) -> Result<OperatorListState<V>> {
        self.register(name.into(), StateKind::UnionList)
    }

    fn register<V: StateValue>(&mut self, name: Arc<str>, kind: StateKind) -> Result<OperatorListState<V>> {
        let state_type = StateType { kind, values: type_name::<V>().to_owned(), namespace: None };
        if let Some(index) = self.lists.iter().position(|list| list.info.name == name) {
            let list = &self.lists[index];
            if list.info.state_type.kind != kind || !(&*list.elements as &dyn Any).is::<Vec<V>>() {
                return Err(Error::TypeMismatch {
                    name: name.to_string(),
                    registered: Box::new(list.info.state_type.clone()),
                    requested: Box::new(state_type),
                });
            }
            return Ok(OperatorListState::new(index as u32));
        }
        let description = TableDescription {
            name: name.to_string(),
            kind,
            key: Schema::of::<()>(),
            namespace: Schema::of::<()>(),
            map_key: None,
            value: Schema::of::<V>(),
            ttl: false,
        };
        let mut elements = Box::<Vec<V>>::default();
        if let Some(at) = self.carried.iter().position(|carried| *carried.description.name == *name) {
            let Carried { description: stored, elements: restored } = &self.carried[at];
            elements.restore(restored, &Conversion::new(stored, &description, &[])?, &name)?;
            self.carried.remove(at);
        }
        self.lists.push(Registered {
            info: StateInfo { name, state_type, ttl: None },
            elements,
            description,
        });
        Ok(OperatorListState::new(self.lists.len() as u32 - 1))
    }

    /// Whether there are no lists, and none were restored.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty() && self.carried.is_empty()
    }

    /// The lists, in the order in which they were registered.
    pub fn states(&self) -> impl Iterator<Item = &StateInfo> {
        self.lists.iter().map(|list| &list.info)
    }

    /// All that is here now, for a snapshot.
    ///
    /// # Errors
    /// If an element cannot be serialized.
    pub fn store(&self) -> Result<StoredLists> {
        let mut stored = StoredLists::default();
        for list in &self.lists {
            let mut elements = Vec::new();
            list.elements.encode(&mut elements)?;
            stored.add(&list.description, elements);
        }
        // What the job does not know stays as it was.
        for carried in &self.carried {
            stored.add(&carried.description, carried.elements.clone());
        }
        Ok(stored)
    }

    /// Takes in what an earlier snapshot has for this subtask. To be called before lists are registered: each has its elements
    /// from the beginning.
    ///
    /// # Errors
    /// If there are elements of a list that is not described.
    pub fn restore(&mut self, stored: StoredLists) -> Result<()> {
        for description in stored.descriptions {
            self.carried.push(Carried { description, elements: Vec::new() });
        }
        for element in stored.elements.into_iter().chain(stored.union_elements) {
            let list = self.carried.iter_mut().find(|list| list.description.name == element.list);
            let Some(list) = list else {
                return Err(Error::DamagedOperatorState {
                    state: element.list,
                    offset: 0,
                    reason: "it has elements, but nothing says of which type".to_owned(),
                });
            };
            list.elements.push(element.bytes);
        }
        Ok(())
    }

    #[inline]
    fn elements<V: StateValue>(&self, index: u32) -> &Vec<V> {
        let list = self.lists.get(index as usize);
        let list = list.and_then(|list| (&*list.elements as &dyn Any).downcast_ref());
        list.unwrap_or_else(|| wrong_handle())
    }

    #[inline]
    fn elements_mut<V: StateValue>(&mut self, index: u32) -> &mut Vec<V> {
        let list = self.lists.get_mut(index as usize);
        let list = list.and_then(|list| (&mut *list.elements as &mut dyn Any).downcast_mut());
        list.unwrap_or_else(|| wrong_handle())
    }
}

#[cold]
fn wrong_handle() -> ! {
    panic!(
        "the operator list's handle belongs to another operator or to none: each has to register its own, when its \
         function opens"
    );
}

/// A list of any type.
trait AnyList: Any + Send {
    fn encode(&self, out: &mut Vec<Vec<u8>>) -> Result<()>;

    fn restore(&mut self, stored: &[Vec<u8>], conversion: &Conversion, name: &str) -> Result<()>;
}

impl<V: StateValue> AnyList for Vec<V> {
    fn encode(&self, out: &mut Vec<Vec<u8>>) -> Result<()> {
        for element in self {
            let mut bytes = Vec::new();
            codec::put(element, &mut bytes)?;
            out.push(bytes);
        }
        Ok(())
    }

    fn restore(&mut self, stored: &[Vec<u8>], conversion: &Conversion, name: &str) -> Result<()> {
        for bytes in stored {
            let mut reader = Reader::of_operator_state(bytes, name);
            self.push(reader.get_as(&conversion.value)?);
            reader.finish()?;
        }
        Ok(())
    }
}

/// A handle of a list that belongs to a subtask of an operator. It holds no data; see the [module](self) for an example.
///
/// The default handle leads nowhere: it stands in a function that has not opened yet.
///
/// # Panics
/// All methods panic if the handle belongs to another operator or to none.
pub struct OperatorListState<V> {
    index: u32,
    types: PhantomData<fn() -> V>,
}

impl<V: StateValue> OperatorListState<V> {
    /// The elements, in the order in which they were added.
    #[inline]
    pub fn get<C: OperatorListContext + ?Sized>(self, ctx: &C) -> &[V] {
        ctx.operator_lists().elements(self.index)
    }

    /// The elements, to change, add and remove them.
    #[inline]
    pub fn get_mut<C: OperatorListContext + ?Sized>(self, ctx: &mut C) -> &mut Vec<V> {
        ctx.operator_lists_mut().elements_mut(self.index)
    }

    /// Adds an element.
    #[inline]
    pub fn add<C: OperatorListContext + ?Sized>(self, ctx: &mut C, element: V) {
        self.get_mut(ctx).push(element);
    }

    /// Adds elements.
    pub fn extend<C: OperatorListContext + ?Sized>(self, ctx: &mut C, elements: impl IntoIterator<Item = V>) {
        self.get_mut(ctx).extend(elements);
    }

    /// Replaces all elements.
    pub fn update<C: OperatorListContext + ?Sized>(self, ctx: &mut C, elements: Vec<V>) {
        *self.get_mut(ctx) = elements;
    }

    /// Takes out all elements.
    pub fn take<C: OperatorListContext + ?Sized>(self, ctx: &mut C) -> Vec<V> {
        std::mem::take(self.get_mut(ctx))
    }

    /// Number of elements.
    #[inline]
    pub fn len<C: OperatorListContext + ?Sized>(self, ctx: &C) -> usize {
        self.get(ctx).len()
    }

    /// Whether there are no elements.
    #[inline]
    pub fn is_empty<C: OperatorListContext + ?Sized>(self, ctx: &C) -> bool {
        self.get(ctx).is_empty()
    }

    /// Removes all elements.
    pub fn clear<C: OperatorListContext + ?Sized>(self, ctx: &mut C) {
        self.get_mut(ctx).clear();
    }
}

impl<V> OperatorListState<V> {
    fn new(index: u32) -> Self {
        Self { index, types: PhantomData }
    }
}

impl<V> Clone for OperatorListState<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for OperatorListState<V> {}

impl<V> Default for OperatorListState<V> {
    fn default() -> Self {
        Self::new(u32::MAX)
    }
}

impl<V> std::fmt::Debug for OperatorListState<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("OperatorListState").field(&self.index).finish()
    }
}
