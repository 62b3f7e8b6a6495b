use serde::{Deserialize, Serialize};

use crate::{Level, Origin, SourceFile};

/// A profile of `InSpec` that stands in the project as it is, with what its declaration gives it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InspecProfile {
    /// The name that `controls` asks for it by.
    pub name: String,
    /// Its directory, by its path in the project.
    pub directory: String,
    /// Its files and those of the profiles that it needs, by their paths in the project.
    pub files: Vec<SourceFile>,
    /// Values for its inputs.
    pub inputs: Vec<InspecInput>,
    /// Controls that are not judged.
    pub skips: Vec<InspecSkip>,
    /// The dearest target that it is judged at.
    pub level: Level,
    /// The version of what interprets it: another may judge otherwise.
    pub interpreter: String,
    /// Ids of its controls, as far as its files write them out. They follow from the files.
    pub controls: Vec<String>,
    /// Some ids of controls are made when the files are run.
    pub makes_ids: bool,
    /// Where it is declared.
    pub origin: Origin,
}

/// A value for an input of a profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InspecInput {
    /// The input's name.
    pub name: String,
    /// Its value: a text, a number, a truth value, or a list of them.
    #[serde(with = "text")]
    pub value: serde_json::Value,
    /// Where it is given.
    pub origin: Origin,
}

/// A control that is not judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InspecSkip {
    /// The control's id.
    pub control: String,
    /// Why.
    pub because: String,
    /// Where that is said.
    pub origin: Origin,
}

/// A value, as JSON text in formats that do not describe themselves.
mod text {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
    use serde_json::Value;

    pub(super) fn serialize<S: Serializer>(value: &Value, out: S) -> Result<S::Ok, S::Error> {
        if out.is_human_readable() {
            return value.serialize(out);
        }
        value.to_string().serialize(out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Value, D::Error> {
        if from.is_human_readable() {
            return Value::deserialize(from);
        }
        let text = String::deserialize(from)?;
        serde_json::from_str(&text).map_err(serde::de::Error::custom)
    }
}
