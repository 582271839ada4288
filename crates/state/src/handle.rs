//! What all handles of keyed state have in common.

/// Declares a handle: an index and the types that belong to it.
macro_rules! handle {
    ($(#[$doc:meta])* $name:ident<$($value:ident),+>) => {
        $(#[$doc])*
        ///
        /// `N` is the namespace's type if the state is kept [by key and namespace](crate::KeyedState::in_namespace).
        /// The default handle leads nowhere: it stands in a function that has not opened yet, and using it panics.
        ///
        /// # Panics
        /// All methods panic if there is no current key, if `N` is not the type of the current namespace, and if the
        /// handle belongs to another operator or to none.
        pub struct $name<$($value,)+ N = ()> {
            index: u32,
            types: std::marker::PhantomData<fn() -> ($($value,)+ N)>,
        }

        impl<$($value,)+ N> $name<$($value,)+ N> {
            pub(crate) fn new(index: u32) -> Self {
                Self { index, types: std::marker::PhantomData }
            }
        }

        impl<$($value,)+ N> Clone for $name<$($value,)+ N> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<$($value,)+ N> Copy for $name<$($value,)+ N> {}

        impl<$($value,)+ N> Default for $name<$($value,)+ N> {
            fn default() -> Self {
                Self::new($crate::keyed_state::UNREGISTERED)
            }
        }

        impl<$($value,)+ N> std::fmt::Debug for $name<$($value,)+ N> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.index).finish()
            }
        }

        impl<$($value,)+ N> $crate::keyed_state::sealed::Sealed for $name<$($value,)+ N> {}

        impl<$($value,)+ N> $crate::StateHandle for $name<$($value,)+ N> {
            fn index(&self) -> u32 {
                self.index
            }
        }
    };
}
pub(crate) use handle;
