use std::any::Any;
use std::fmt;
use std::sync::OnceLock;

/// What later stages made of a value, kept beside it: several users share the value, and each thing
/// is made of it once, whichever processor comes first. It is no part of the value: it is not
/// compared, and a copy of the value begins without it.
#[derive(Default)]
pub struct Beside(OnceLock<Box<Kept>>);

struct Kept {
    thing: Box<dyn Any + Send + Sync>,
    /// Things of other types.
    others: Beside,
}

impl Beside {
    /// The thing of this type that is kept here, made now if nobody did.
    pub fn get_or_make<T: Any + Send + Sync>(&self, make: impl Fn() -> T) -> &T {
        let mut place = self;
        loop {
            let kept = place.0.get_or_init(|| {
                Box::new(Kept { thing: Box::new(make()), others: Self::default() })
            });
            if let Some(thing) = kept.thing.downcast_ref() {
                return thing;
            }
            place = &kept.others;
        }
    }
}

impl Clone for Beside {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Beside {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Beside {}

impl fmt::Debug for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beside").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_made_once_and_is_no_part_of_the_value() {
        let beside = Beside::default();
        assert_eq!(beside.get_or_make(|| 1), &1);
        assert_eq!(beside.get_or_make(|| "of another type"), &"of another type");
        assert_eq!(beside.get_or_make(|| 2), &1);
        assert_eq!(beside.get_or_make(|| "anew"), &"of another type");
        assert_eq!(beside.clone().get_or_make(|| 3), &3);
        assert_eq!(beside, Beside::default());
    }
}
