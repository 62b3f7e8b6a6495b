//! Classes that a profile's libraries define, and their objects.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::library_table::Installed;
use crate::map::Map;
use crate::scope::Closure;
use crate::syntax::Method;
use crate::value::Value;

/// A class or module.
#[derive(Debug)]
pub(crate) struct Class {
    pub(crate) name: Rc<str>,
    pub(crate) superclass: Option<Rc<Class>>,
    /// A superclass of Ruby or `InSpec` itself.
    pub(crate) base: Option<Rc<str>>,
    pub(crate) is_module: bool,
    pub(crate) methods: RefCell<BTreeMap<Rc<str>, Rc<Defined>>>,
    pub(crate) singleton: RefCell<BTreeMap<Rc<str>, Rc<Defined>>>,
    pub(crate) constants: RefCell<BTreeMap<Rc<str>, Value>>,
    pub(crate) includes: RefCell<Vec<Rc<Class>>>,
    /// `name 'x'` of a resource.
    pub(crate) resource: RefCell<Option<Rc<str>>>,
    /// The systems that a resource is for; all without any.
    pub(crate) supports: RefCell<Vec<Value>>,
    /// Fields of a `Struct`, and whether `new` takes them by name.
    pub(crate) fields: RefCell<Vec<Rc<str>>>,
    pub(crate) by_keyword: Cell<bool>,
    /// The table that `FilterTable` installed.
    pub(crate) table: RefCell<Option<Rc<Installed>>>,
    /// Variables of the class itself.
    pub(crate) variables: RefCell<BTreeMap<Rc<str>, Value>>,
}

/// A method of a class.
#[derive(Debug)]
pub(crate) enum Defined {
    Code(Rc<Method>),
    /// `define_method`.
    Block(Rc<Closure>),
    Reader(Rc<str>),
    Writer(Rc<str>),
    /// `def_delegators`: whom is asked, and for what.
    Forward(Rc<str>, Rc<str>),
}

impl Class {
    pub(crate) fn new(
        name: &Rc<str>,
        superclass: Option<Rc<Class>>,
        base: Option<Rc<str>>,
    ) -> Self {
        Self {
            name: name.clone(),
            superclass,
            base,
            is_module: false,
            methods: RefCell::default(),
            singleton: RefCell::default(),
            constants: RefCell::default(),
            includes: RefCell::default(),
            resource: RefCell::default(),
            supports: RefCell::default(),
            fields: RefCell::default(),
            by_keyword: Cell::default(),
            table: RefCell::default(),
            variables: RefCell::default(),
        }
    }

    /// The method, and the class that defines it.
    pub(crate) fn find(self: &Rc<Self>, name: &str) -> Option<(Rc<Class>, Rc<Defined>)> {
        if let Some(method) = self.methods.borrow().get(name) {
            return Some((self.clone(), method.clone()));
        }
        for module in self.includes.borrow().iter().rev() {
            if let Some(found) = module.find(name) {
                return Some(found);
            }
        }
        self.superclass.as_ref()?.find(name)
    }

    pub(crate) fn find_on_class(self: &Rc<Self>, name: &str) -> Option<(Rc<Class>, Rc<Defined>)> {
        if let Some(method) = self.singleton.borrow().get(name) {
            return Some((self.clone(), method.clone()));
        }
        self.superclass.as_ref()?.find_on_class(name)
    }

    /// A constant of the class or of one that it comes from.
    pub(crate) fn constant(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.constants.borrow().get(name) {
            return Some(value.clone());
        }
        let included = self.includes.borrow().iter().find_map(|module| module.constant(name));
        included.or_else(|| self.superclass.as_ref()?.constant(name))
    }

    /// True when objects of it are of `name`.
    pub(crate) fn is_a(&self, name: &str) -> bool {
        *self.name == *name
            || self.base.as_deref() == Some(name)
            || self.includes.borrow().iter().any(|module| module.is_a(name))
            || self.superclass.as_ref().is_some_and(|class| class.is_a(name))
    }

    /// True for what `Inspec.resource(1)` is above.
    pub(crate) fn is_resource(&self) -> bool {
        self.base.as_deref() == Some(RESOURCE_BASE)
            || self.superclass.as_ref().is_some_and(|class| class.is_resource())
    }

    /// The class of Ruby itself that it comes from.
    pub(crate) fn origin(&self) -> Option<Rc<str>> {
        let own = self.base.clone();
        own.or_else(|| self.superclass.as_ref()?.origin())
    }

    /// The fields of the `Struct` that it is or comes from, and whether `new` takes them by name.
    pub(crate) fn members(&self) -> (Vec<Rc<str>>, bool) {
        let own = self.fields.borrow().clone();
        match &self.superclass {
            Some(above) if own.is_empty() => above.members(),
            _ => (own, self.by_keyword.get()),
        }
    }

    /// The table that it or a class above it has installed.
    pub(crate) fn installed(&self) -> Option<Rc<Installed>> {
        let own = self.table.borrow().clone();
        own.or_else(|| self.superclass.as_ref()?.installed())
    }

    /// The resource's name, `name 'x'`.
    pub(crate) fn resource_name(&self) -> Option<Rc<str>> {
        let own = self.resource.borrow().clone();
        own.or_else(|| self.superclass.as_ref()?.resource_name())
    }
}

/// What `Inspec.resource(1)` gives.
pub(crate) const RESOURCE_BASE: &str = "Inspec.resource";

/// An object of a class of the profile.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) class: Rc<Class>,
    pub(crate) variables: RefCell<BTreeMap<Rc<str>, Value>>,
    /// The list or hash that an object of a class below `Array` or `Hash` is.
    pub(crate) inner: Option<Value>,
    /// `skip_resource`.
    pub(crate) skipped: RefCell<Option<Rc<str>>>,
    /// Why every test of it fails, which is not the same.
    pub(crate) failed: RefCell<Option<Rc<str>>>,
}

impl Object {
    pub(crate) fn new(class: &Rc<Class>) -> Self {
        let inner = match class.origin().as_deref() {
            Some("Array") => Some(Vec::new().into()),
            Some("Hash") => Some(Map::default().into()),
            Some("Hashie::Mash") => Some(Map::default().by_method(true).into()),
            _ => None,
        };
        let (variables, skipped) = (RefCell::default(), RefCell::default());
        Self { class: class.clone(), variables, inner, skipped, failed: RefCell::default() }
    }

    pub(crate) fn label(&self) -> String {
        match self.class.resource_name() {
            Some(name) => name.to_string(),
            None => format!("#<{}>", self.class.name),
        }
    }
}
