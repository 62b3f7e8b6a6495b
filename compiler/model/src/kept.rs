//! Plans as bytes, for the next run of the same program: what many steps share is written once and
//! is shared again when it is read.

use std::any::Any;
use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::io::{self, Write};
use std::sync::Arc;

use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Deserializer, Serialize};

use crate::Plan;

/// A shared part in a plan's bytes: itself where it comes first, its number from then on. Numbers
/// count from 0 in the order in which parts begin.
#[derive(Serialize, Deserialize)]
pub(crate) enum OnceOrAgain<T> {
    Once(T),
    Again(u32),
}

/// A part that is read, with the number that it had from its beginning on.
pub(crate) struct Numbered<T> {
    pub(crate) number: usize,
    pub(crate) part: T,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Numbered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = begin();
        Ok(Self { number, part: T::deserialize(deserializer)? })
    }
}

/// Parts that were met so far. serde hands nothing down to the parts of what it writes and reads, so
/// they find these here.
#[derive(Default)]
enum Parts {
    /// No plan is being written or read: parts stand for themselves.
    #[default]
    None,
    Written(ByAddress),
    /// None of a part that is not read to its end.
    Read(Vec<Option<Held>>),
}

type Held = Arc<dyn Any + Send + Sync>;

type ByAddress = rustc_hash::FxHashMap<*const (), u32>;

thread_local! {
    static PARTS: RefCell<Parts> = RefCell::default();
}

/// Ends with the writing or reading, however that ends.
struct Under;

impl Under {
    fn begin(parts: Parts) -> Self {
        PARTS.set(parts);
        Self
    }
}

impl Drop for Under {
    fn drop(&mut self) {
        PARTS.set(Parts::None);
    }
}

/// Whether a plan is being written.
pub(crate) fn is_writing() -> bool {
    PARTS.with_borrow(|parts| matches!(parts, Parts::Written(_)))
}

/// The number of the part at an address; none of one that comes first, which is numbered now.
pub(crate) fn number_of(address: *const ()) -> Option<u32> {
    PARTS.with_borrow_mut(|parts| {
        let Parts::Written(numbers) = parts else { return None };
        let next = u32::try_from(numbers.len()).ok()?;
        match numbers.entry(address) {
            Entry::Occupied(known) => Some(*known.get()),
            Entry::Vacant(place) => {
                place.insert(next);
                None
            }
        }
    })
}

/// Whether a plan is being read.
pub(crate) fn is_reading() -> bool {
    PARTS.with_borrow(|parts| matches!(parts, Parts::Read(_)))
}

/// The number of a part that begins to be read.
fn begin() -> usize {
    PARTS.with_borrow_mut(|parts| match parts {
        Parts::Read(known) => {
            known.push(None);
            known.len() - 1
        }
        Parts::None | Parts::Written(_) => 0,
    })
}

/// Keeps a part that was read.
pub(crate) fn keep(number: usize, part: Held) {
    PARTS.with_borrow_mut(|parts| {
        if let Parts::Read(known) = parts
            && let Some(place) = known.get_mut(number)
        {
            *place = Some(part);
        }
    });
}

/// The part of a number.
pub(crate) fn numbered(number: u32) -> Option<Held> {
    PARTS.with_borrow(|parts| match parts {
        Parts::Read(known) => known.get(number as usize)?.clone(),
        Parts::None | Parts::Written(_) => None,
    })
}

/// Texts that many parts hold the same copy of.
pub(crate) mod text {
    use std::sync::Arc;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::{Numbered, OnceOrAgain, is_reading, is_writing, keep, number_of, numbered};

    pub(crate) fn serialize<S: Serializer>(text: &Arc<str>, out: S) -> Result<S::Ok, S::Error> {
        if !is_writing() {
            return text.serialize(out);
        }
        match number_of(Arc::as_ptr(text).cast()) {
            None => OnceOrAgain::Once(&**text).serialize(out),
            Some(number) => OnceOrAgain::<&str>::Again(number).serialize(out),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<str>, D::Error> {
        if !is_reading() {
            return Arc::deserialize(from);
        }
        let text: Arc<Arc<str>> = match OnceOrAgain::<Numbered<Arc<str>>>::deserialize(from)? {
            OnceOrAgain::Once(Numbered { number, part }) => {
                let text = Arc::new(part);
                keep(number, text.clone());
                text
            }
            OnceOrAgain::Again(number) => numbered(number)
                .and_then(|text| text.downcast().ok())
                .ok_or_else(|| serde::de::Error::custom("no such shared text"))?,
        };
        Ok(Arc::clone(&text))
    }
}

/// Bytes that are handed on at once.
const PIECE: usize = 64 << 10;

/// Hands bytes on in pieces: a plan of a large site is not held a second time.
struct InPieces<'a> {
    out: &'a mut dyn Write,
    piece: Vec<u8>,
}

impl InPieces<'_> {
    fn hand_on(&mut self) -> postcard::Result<()> {
        let written = self.out.write_all(&self.piece);
        self.piece.clear();
        written.map_err(|_| postcard::Error::SerializeBufferFull)
    }
}

impl Flavor for InPieces<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        if self.piece.len() >= PIECE {
            self.hand_on()?;
        }
        self.piece.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        if self.piece.len() + bytes.len() > PIECE {
            self.hand_on()?;
        }
        self.piece.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(mut self) -> postcard::Result<()> {
        self.hand_on()
    }
}

impl Plan {
    /// Writes the plan as bytes, which this very program reads.
    pub fn keep(&self, out: &mut dyn Write) -> io::Result<()> {
        let _parts = Under::begin(Parts::Written(ByAddress::default()));
        let to = InPieces { out, piece: Vec::with_capacity(PIECE) };
        postcard::serialize_with_flavor(self, to).map_err(io::Error::other)
    }

    /// The plan that [`Plan::keep`] wrote; none of other bytes.
    pub fn recall(bytes: &[u8]) -> Option<Self> {
        let _parts = Under::begin(Parts::Read(Vec::new()));
        let plan: Self = postcard::from_bytes(bytes).ok()?;
        let known = |id: &crate::NodeId| (id.0 as usize) < plan.nodes.len();
        let whole = plan.nodes.iter().all(|node| node.inputs.iter().all(|edge| known(&edge.node)))
            && plan.images.iter().all(|image| image.nodes().all(|id| known(&id)));
        whole.then_some(plan)
    }
}
