use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::kept::{self, Numbered, OnceOrAgain};
use crate::{Digest, KeyFields, KeyHasher};

/// A part of actions with fields of its own in their keys.
pub trait KeyPart {
    /// What the part is, `change`.
    const KIND: &'static str;

    /// Adds the part's fields.
    fn key_fields(&self, key: &mut dyn KeyFields);
}

/// A part that the steps of many images have in common: held once, its fields hashed once.
#[derive(Debug)]
pub struct Shared<T>(Arc<Held<T>>);

#[derive(Debug)]
struct Held<T> {
    part: T,
    digest: OnceLock<Digest>,
}

impl<T: KeyPart> Shared<T> {
    /// The digest over the part's fields.
    pub fn digest(&self) -> &Digest {
        self.0.digest.get_or_init(|| {
            let mut key = KeyHasher::new(T::KIND, 1);
            self.key_fields(&mut key);
            key.finish()
        })
    }
}

impl<T> From<T> for Shared<T> {
    fn from(part: T) -> Self {
        Self(Arc::new(Held { part, digest: OnceLock::new() }))
    }
}

impl<T: Default> Default for Shared<T> {
    fn default() -> Self {
        Self::from(T::default())
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.part
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || **self == **other
    }
}

impl<T: Eq> Eq for Shared<T> {}

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !kept::is_writing() {
            return (**self).serialize(serializer);
        }
        match kept::number_of(Arc::as_ptr(&self.0).cast()) {
            None => OnceOrAgain::Once(&**self).serialize(serializer),
            Some(number) => OnceOrAgain::<&T>::Again(number).serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de> + Send + Sync + 'static> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !kept::is_reading() {
            return T::deserialize(deserializer).map(Self::from);
        }
        match OnceOrAgain::<Numbered<T>>::deserialize(deserializer)? {
            OnceOrAgain::Once(Numbered { number, part }) => {
                let held = Arc::new(Held { part, digest: OnceLock::new() });
                kept::keep(number, held.clone());
                Ok(Self(held))
            }
            OnceOrAgain::Again(number) => {
                let held = kept::numbered(number).and_then(|held| held.downcast().ok());
                held.map(Self).ok_or_else(|| serde::de::Error::custom("no such shared part"))
            }
        }
    }
}
