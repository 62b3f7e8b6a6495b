//! `Struct.new`, and objects of classes below `Array` and `Hash`.

use std::rc::Rc;

use super::Machine;
use super::call::Given;
use crate::class::{Class, Object};
use crate::map::Map;
use crate::scope::{Frame, Scope};
use crate::stop::{Eval, Stop};
use crate::value::Value;

impl Machine<'_> {
    /// `Struct.new(:a, :b, keyword_init: true) { def … }`.
    pub(crate) fn struct_class(&mut self, args: &[Value], block: Given<'_>) -> Eval {
        let class = Class::new(&"Struct".into(), None, Some("Struct".into()));
        for arg in args {
            match arg {
                Value::Sym(name) => class.fields.borrow_mut().push(name.clone()),
                Value::Hash(options) => {
                    let keyword =
                        options.borrow().symbol("keyword_init").is_some_and(Value::truthy);
                    class.by_keyword.set(keyword);
                }
                // A name of its own, which nothing asks for.
                _ => {}
            }
        }
        let fields = class.fields.borrow().clone();
        for field in &fields {
            Self::attribute(&class, "attr_accessor", field);
        }
        let class = Rc::new(class);
        if let Some(body) = block.and_then(|block| block.block().cloned()) {
            let frame = Frame {
                me: Value::Class(class.clone()),
                scope: Rc::new(Scope::default()),
                block: None,
                id: self.frame_id(),
                call: 0,
                method: None,
            };
            self.eval(&body.body, &frame)?;
        }
        Ok(Value::Class(class))
    }

    /// The arguments of `new` become the fields, where no `initialize` takes them.
    pub(super) fn fill_struct(&mut self, object: &Object, args: &[Value]) -> Result<(), Stop> {
        let (fields, by_keyword) = object.class.members();
        if args.len() > fields.len() {
            return Err(self.raise("ArgumentError", "struct size differs"));
        }
        let named = match args {
            [Value::Hash(map)] if by_keyword => Some(map.borrow().clone()),
            _ => None,
        };
        let mut variables = object.variables.borrow_mut();
        for (index, field) in fields.iter().enumerate() {
            let value = match &named {
                Some(map) => map.symbol(field).cloned(),
                None => args.get(index).cloned(),
            };
            variables.insert(format!("@{field}").into(), value.into());
        }
        Ok(())
    }

    /// Methods of every `Struct`.
    pub(super) fn struct_call(
        &mut self,
        object: &Rc<Object>,
        name: &str,
        args: &[Value],
    ) -> Result<Option<Value>, Stop> {
        let (fields, _) = object.class.members();
        if fields.is_empty() {
            return Ok(None);
        }
        let get = |object: &Object, field: &str| -> Value {
            object.variables.borrow().get(&*format!("@{field}")).cloned().into()
        };
        Ok(Some(match (name, args) {
            ("to_a" | "values" | "deconstruct", []) => {
                fields.iter().map(|field| get(object, field)).collect::<Vec<_>>().into()
            }
            ("to_h", []) => fields
                .iter()
                .map(|field| (Value::Sym(field.clone()), get(object, field)))
                .collect::<Map>()
                .into(),
            ("members", []) => {
                fields.iter().map(|field| Value::Sym(field.clone())).collect::<Vec<_>>().into()
            }
            ("[]", [Value::Int(at)]) => {
                match usize::try_from(*at).ok().and_then(|at| fields.get(at)) {
                    Some(field) => get(object, field),
                    None => return Err(self.raise("IndexError", "offset outside of the struct")),
                }
            }
            ("[]", [field]) => get(object, &field.text()),
            ("==", [Value::Object(other)]) if Rc::ptr_eq(&object.class, &other.class) => {
                fields.iter().all(|field| get(object, field).equals(&get(other, field))).into()
            }
            _ => return Ok(None),
        }))
    }

    /// What the list or hash answers that an object is; what changes it gives the object.
    pub(super) fn inner_call(
        &mut self,
        object: &Rc<Object>,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Option<Value>, Stop> {
        let Some(inner) = object.inner.clone() else { return Ok(None) };
        let given = self.typed(&inner, name, args, block)?;
        Ok(given.map(|value| match (&value, &inner) {
            (Value::Array(a), Value::Array(b)) if Rc::ptr_eq(a, b) => Value::Object(object.clone()),
            (Value::Hash(a), Value::Hash(b)) if Rc::ptr_eq(a, b) => Value::Object(object.clone()),
            _ => value,
        }))
    }

    /// `a == b`, by the method of `a` where it has one of its own.
    pub(crate) fn same(&mut self, a: &Value, b: &Value) -> Result<bool, Stop> {
        match a {
            Value::Object(object) if !a.equals(b) && object.class.find("==").is_some() => {
                let same = self.send(a, "==", std::slice::from_ref(b), None)?;
                self.truth(&same)
            }
            _ => Ok(a.equals(b)),
        }
    }
}
