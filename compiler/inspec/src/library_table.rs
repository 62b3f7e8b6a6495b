//! Tables that libraries of profiles make of their own data: `FilterTable.create`.

use std::cell::RefCell;
use std::rc::Rc;

use crate::class::Object;
use crate::filter_table::{Column, Row, Table};
use crate::interp::{Given, Machine};
use crate::resources::{Called, Resource};
use crate::scope::Closure;
use crate::stop::Stop;
use crate::value::Value;

/// A column as it was registered.
#[derive(Clone, Debug)]
struct Registered {
    column: Column,
    /// Its field is a symbol: rows have it under that.
    symbol: bool,
    /// What makes a property of the whole table.
    block: Option<Rc<Closure>>,
}

/// `FilterTable.create`, as its columns are named.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    columns: RefCell<Vec<Registered>>,
}

/// A table that a class installed, and the method that gives its rows.
#[derive(Debug)]
pub(crate) struct Installed {
    columns: Vec<Registered>,
    rows: Rc<str>,
}

impl Installed {
    /// Whether a call is one of the table's.
    fn has(&self, name: &str) -> bool {
        matches!(name, "where" | "entries" | "raw_data" | "count" | "exist?")
            || self.columns.iter().any(|one| one.column.list == name)
    }
}

impl Machine<'_> {
    /// Calls on `FilterTable.create`.
    pub(crate) fn builder_call(
        &mut self,
        builder: &Rc<Builder>,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Called {
        match name {
            "register_column" | "register_custom_property" | "register_custom_matcher" | "add" => {
                let column = self.registered(args, block)?;
                builder.columns.borrow_mut().push(column);
            }
            "register_filter_method" | "add_accessor" => {}
            "install_filter_methods_on_resource" | "connect" => {
                let [Value::Class(class), rows] = args else {
                    return Err(self.needs_ruby("this table"));
                };
                let columns = builder.columns.borrow().clone();
                *class.table.borrow_mut() = Some(Rc::new(Installed { columns, rows: rows.text() }));
            }
            _ => return Ok(None),
        }
        Ok(Some(Value::Builder(builder.clone())))
    }

    fn registered(&self, args: &[Value], block: Given<'_>) -> Result<Registered, Stop> {
        let list = args.first().map_or("".into(), Value::text).to_string();
        let mut field = args.first().cloned().unwrap_or(Value::Nil);
        let mut simple = false;
        if let Some(Value::Hash(options)) = args.get(1) {
            for (key, value) in options.borrow().iter() {
                match &*key.text() {
                    "field" => field = value.clone(),
                    "style" | "type" => simple |= &*value.text() == "simple",
                    "lazy" | "lazy_instance" => {
                        return Err(self.needs_ruby("a column that is filled later"));
                    }
                    _ => {}
                }
            }
        }
        let symbol = matches!(field, Value::Sym(_));
        let column = Column { list: list.into(), field: field.text().to_string().into(), simple };
        Ok(Registered { column, symbol, block: block.cloned() })
    }

    /// What an object's class has installed answers, when the name is one of it.
    pub(crate) fn installed_call(
        &mut self,
        object: &Rc<Object>,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Called {
        let Some(installed) = object.class.installed().filter(|table| table.has(name)) else {
            return Ok(None);
        };
        let me = Value::Object(object.clone());
        let data = self.send(&me, &installed.rows, &[], None)?;
        if let Value::Unknown(_) = data {
            return Ok(Some(data));
        }
        let data = if data.is_nil() { Vec::new() } else { self.iterate(&data)? };
        let mut rows = Vec::new();
        let mut symbols = false;
        for item in &data {
            let Value::Hash(map) = item else {
                return Err(self.needs_ruby("a table whose rows are no hashes"));
            };
            let map = map.borrow();
            symbols |= map.iter().next().is_some_and(|(key, _)| matches!(key, Value::Sym(_)));
            let mut fields: Vec<(Rc<str>, Value)> = Vec::new();
            for one in installed.columns.iter().filter(|one| one.block.is_none()) {
                let found = if one.symbol {
                    map.symbol(&one.column.field)
                } else {
                    map.text(&one.column.field)
                };
                fields.push((one.column.field.as_ref().into(), found.cloned().into()));
            }
            for (key, value) in map.iter() {
                let key = key.text();
                if !fields.iter().any(|(known, _)| *known == key) {
                    fields.push((key, value.clone()));
                }
            }
            self.meter.charge(fields.len() * 64)?;
            rows.push(Row::new(fields));
        }
        let text = self.to_s(&me)?.to_string();
        let skipped = object.skipped.borrow().as_deref().map(str::to_owned);
        let plain = installed.columns.iter().filter(|one| one.block.is_none());
        let columns: Vec<Column> = plain.map(|one| one.column.clone()).collect();
        let of = Rc::new(Source { text, skipped, installed });
        let table = Table { symbols, ..Table::plain(of, &columns, rows) };
        self.table_call(&Rc::new(table), name, args, block)
    }
}

/// The object whose table it is, by its name alone.
#[derive(Debug)]
struct Source {
    text: String,
    skipped: Option<String>,
    installed: Rc<Installed>,
}

impl Resource for Source {
    fn kind(&self) -> &'static str {
        "FilterTable"
    }

    fn text(&self) -> String {
        self.text.clone()
    }

    fn skipped(&self) -> Option<String> {
        self.skipped.clone()
    }

    fn call(
        self: Rc<Self>,
        _machine: &mut Machine<'_>,
        _name: &str,
        _args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        Ok(None)
    }

    fn table_call(
        &self,
        machine: &mut Machine<'_>,
        table: &Rc<Table>,
        name: &str,
        args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        let found = self.installed.columns.iter().find(|one| one.column.list == name);
        let Some(block) = found.and_then(|one| one.block.clone()) else { return Ok(None) };
        let mut all = vec![Value::Table(table.clone())];
        all.extend_from_slice(args);
        machine.call_block(&block, &all).map(Some)
    }
}
