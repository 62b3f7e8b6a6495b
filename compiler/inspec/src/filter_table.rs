//! Tables that `where` filters: the rows of `/etc/passwd`, of fstab, of audit rules.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use crate::core;
use crate::interp::{Given, Machine};
use crate::map::Map;
use crate::resources::Resource;
use crate::stop::{Halt, Stop, no_method};
use crate::value::Value;

/// A column: the name of its list, and of its field in a row.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) list: Cow<'static, str>,
    pub(crate) field: Cow<'static, str>,
    /// The list is flat, each value once, without `nil`.
    pub(crate) simple: bool,
}

/// A column whose list has every value.
pub(crate) const fn column(list: &'static str, field: &'static str) -> Column {
    Column { list: Cow::Borrowed(list), field: Cow::Borrowed(field), simple: false }
}

/// A column whose list is flat and has each value once.
pub(crate) const fn simple(list: &'static str, field: &'static str) -> Column {
    Column { list: Cow::Borrowed(list), field: Cow::Borrowed(field), simple: true }
}

/// Rows of a resource that some criteria let through.
pub(crate) struct Table {
    pub(crate) of: Rc<dyn Resource>,
    pub(crate) columns: Rc<[Column]>,
    pub(crate) rows: Vec<Rc<Row>>,
    pub(crate) criteria: String,
    /// Keys of `params` are symbols.
    pub(crate) symbols: bool,
}

/// One row.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) fields: Vec<(Rc<str>, Value)>,
    pub(crate) text: RefCell<Rc<str>>,
}

impl Row {
    pub(crate) fn new<N: AsRef<str>>(fields: Vec<(N, Value)>) -> Rc<Self> {
        let fields =
            fields.into_iter().map(|(name, value)| (name.as_ref().into(), value)).collect();
        Rc::new(Self { fields, text: RefCell::new("".into()) })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(known, _)| **known == *name).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        self.text.borrow().to_string()
    }

    pub(crate) fn equals(&self, other: &Self) -> bool {
        let pairs = self.fields.iter().zip(&other.fields);
        self.fields.len() == other.fields.len() && pairs.into_iter().all(|(a, b)| a.1.equals(&b.1))
    }

    fn map(&self, symbols: bool) -> Map {
        let key = |name: &Rc<str>| {
            if symbols { Value::Sym(name.clone()) } else { Value::Str(name.clone()) }
        };
        self.fields.iter().map(|(name, value)| (key(name), value.clone())).collect()
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text())
    }
}

impl Table {
    pub(crate) fn new(of: Rc<dyn Resource>, columns: &[Column], rows: Vec<Rc<Row>>) -> Rc<Self> {
        Rc::new(Self::plain(of, columns, rows))
    }

    /// The same, to be changed before it is shared.
    pub(crate) fn plain(of: Rc<dyn Resource>, columns: &[Column], rows: Vec<Rc<Row>>) -> Self {
        Self { of, columns: columns.into(), rows, criteria: " with".to_owned(), symbols: false }
    }

    pub(crate) fn text(&self) -> String {
        format!("{}{}", self.of.text(), self.criteria)
    }

    pub(crate) fn skipped(&self) -> Option<String> {
        self.of.skipped()
    }

    pub(crate) fn responds(&self, name: &str) -> bool {
        const OWN: [&str; 8] =
            ["where", "entries", "raw_data", "params", "count", "exist?", "to_s", "resource"];
        OWN.contains(&name)
            || self.columns.iter().any(|column| column.list == name)
            || self.of.table_words().contains(&name)
    }

    fn with(&self, rows: Vec<Rc<Row>>, criteria: String) -> Value {
        Value::Table(Rc::new(Self {
            of: self.of.clone(),
            columns: self.columns.clone(),
            rows,
            criteria,
            symbols: self.symbols,
        }))
    }
}

impl Machine<'_> {
    pub(crate) fn table_call(
        &mut self,
        table: &Rc<Table>,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Option<Value>, Stop> {
        Ok(Some(match name {
            "where" => self.filtered(table, args, block)?,
            "entries" => {
                let text: Rc<str> = format!("{} one entry", table.text()).into();
                let entry = |row: &Rc<Row>| {
                    let row = Row { fields: row.fields.clone(), text: RefCell::new(text.clone()) };
                    Value::Row(Rc::new(row))
                };
                table.rows.iter().map(entry).collect::<Vec<_>>().into()
            }
            "raw_data" | "params" => {
                let rows = table.rows.iter().map(|row| row.map(table.symbols).into());
                rows.collect::<Vec<_>>().into()
            }
            "count" if args.is_empty() => Value::int(table.rows.len()),
            "exist?" => (!table.rows.is_empty()).into(),
            "to_s" | "inspect" => table.text().into(),
            "resource_skipped?" => table.skipped().is_some().into(),
            _ => {
                let column = table.columns.iter().find(|column| column.list == name);
                if let Some(column) = column {
                    self.column(table, column, args, block)?
                } else {
                    let of = table.of.clone();
                    return of.table_call(self, table, name, args, block);
                }
            }
        }))
    }

    fn column(
        &mut self,
        table: &Rc<Table>,
        column: &Column,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Value, Stop> {
        if let Some(wanted) = args.first() {
            let criterion: Map =
                [(Value::sym(&column.field), wanted.clone())].into_iter().collect();
            return self.filtered(table, &[criterion.into()], block);
        }
        if block.is_some() {
            return self.filtered(table, &[], block);
        }
        let values = table.rows.iter().map(|row| row.get(&column.field).cloned().into());
        let values: Vec<Value> = values.collect();
        self.meter.charge(values.len() * size_of::<Value>())?;
        if !column.simple {
            return Ok(values.into());
        }
        let mut flat = Vec::new();
        core::array::flatten(self, &values, 30, &mut flat)?;
        Ok(core::array::unique(flat.into_iter().filter(|value| !value.is_nil())).into())
    }

    fn filtered(
        &mut self,
        table: &Rc<Table>,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Value, Stop> {
        let mut rows = table.rows.clone();
        let mut criteria = table.criteria.clone();
        if let Some(Value::Hash(wanted)) = args.first() {
            for (field, wanted) in wanted.borrow().iter() {
                let field = field.text();
                let known = table.columns.iter().any(|column| *column.field == *field)
                    || table.rows.iter().any(|row| row.get(&field).is_some());
                if !known && !table.rows.is_empty() {
                    let why = format!("'{field}' is not a recognized criterion");
                    return Err(self.raise("ArgumentError", why));
                }
                criteria.push_str(&format!(" {field} == {}", wanted.inspect()));
                let mut kept = Vec::new();
                for row in rows {
                    let value = row.get(&field).cloned().unwrap_or(Value::Nil);
                    if self.fits(&value, wanted)? {
                        kept.push(row);
                    }
                }
                rows = kept;
            }
        }
        if let Some(block) = block {
            let mut kept = Vec::new();
            for row in rows {
                let holds = self.call_block_as(block, Value::Row(row.clone()), &[])?;
                if self.truth(&holds)? {
                    kept.push(row);
                }
            }
            rows = kept;
            criteria.push_str(&self.traced(block)?);
        }
        Ok(table.with(rows, criteria))
    }

    /// Numbers match their digits, patterns search, all else is `===`.
    fn fits(&mut self, value: &Value, wanted: &Value) -> Result<bool, Stop> {
        match (value, wanted) {
            (Value::Unknown(_), _) => self.truth(value),
            (Value::Str(text), Value::Int(wanted)) => {
                let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
                let number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
                Ok(number && core::string::leading_int(text, 10) == *wanted)
            }
            (Value::Str(text), Value::Float(wanted)) => {
                Ok(text.parse::<f64>().is_ok_and(|value| (value - wanted).abs() < f64::EPSILON))
            }
            (Value::Nil, Value::Int(_) | Value::Float(_)) => Ok(false),
            (Value::Regex(a), Value::Regex(b)) => Ok(a.inspect() == b.inspect()),
            (value, Value::Regex(pattern)) => {
                let text = self.to_s(value)?;
                self.is_match(&pattern.clone(), &text)
            }
            _ => self.case_equals(wanted, value),
        }
    }

    /// The words of a block, as they stand in the table's name.
    fn traced(&mut self, block: &Rc<crate::scope::Closure>) -> Result<String, Stop> {
        let trace = Rc::new(Trace::default());
        let depth = self.meter.depth;
        let result = self.call_block_as(block, Value::Trace(trace.clone()), &[]);
        self.meter.depth = depth;
        match result {
            // A bound of the run is no matter of words.
            Err(stop) if matches!(*stop, Halt::Limit(_)) => Err(stop),
            _ => Ok(trace.words()),
        }
    }

    pub(crate) fn row_call(
        &mut self,
        row: &Rc<Row>,
        name: &str,
        args: &[Value],
    ) -> Result<Option<Value>, Stop> {
        Ok(Some(match (name, args) {
            ("[]", [Value::Str(field) | Value::Sym(field)]) => {
                if let Some(value) = row.get(field) {
                    value.clone()
                } else {
                    let why = format!("no member '{field}' in struct");
                    return Err(self.raise("NameError", why));
                }
            }
            ("to_h", []) => row.map(true).into(),
            ("to_a" | "values", []) => {
                row.fields.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>().into()
            }
            ("members", []) => row
                .fields
                .iter()
                .map(|(name, _)| Value::Sym(name.clone()))
                .collect::<Vec<_>>()
                .into(),
            ("to_s", []) => row.text().into(),
            ("respond_to?", [name]) => row.get(&name.text()).is_some().into(),
            (_, []) => match row.get(name) {
                Some(value) => value.clone(),
                None => return Ok(None),
            },
            _ => return Ok(None),
        }))
    }

    /// Calls a method of a resource, or of its table.
    pub(crate) fn resource_call(
        &mut self,
        resource: &Rc<dyn Resource>,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Option<Value>, Stop> {
        if let Some(value) = resource.clone().call(self, name, args, block)? {
            return Ok(Some(value));
        }
        match name {
            "to_s" | "inspect" => return Ok(Some(resource.text().into())),
            "resource_skipped?" => return Ok(Some(resource.skipped().is_some().into())),
            "resource_failed?" => return Ok(Some(resource.failed().is_some().into())),
            "resource_exception_message" => {
                return Ok(Some(resource.skipped().or_else(|| resource.failed()).into()));
            }
            "inspec" => return Ok(Some(self.inspec_value())),
            _ => {}
        }
        match resource.clone().table(self)? {
            Some(table) => match self.table_call(&table, name, args, block)? {
                Some(value) => Ok(Some(value)),
                None if matches!(name, "each" | "map" | "select" | "any?" | "find" | "reject") => {
                    Err(no_method(name, &Value::Resource(resource.clone()), self.here))
                }
                None => Ok(None),
            },
            None => Ok(None),
        }
    }
}

/// A call: its name, its arguments, and what was called on its result.
type Traced = (Rc<str>, Vec<Value>, Rc<Trace>);

/// What a block of `where` calls, while its words are written down.
#[derive(Default)]
pub(crate) struct Trace {
    chain: RefCell<Vec<Traced>>,
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trace")
    }
}

impl Trace {
    pub(crate) fn called(&self, name: &str, args: &[Value]) -> Value {
        match name {
            // What every object has is no word.
            "nil?" | "is_a?" | "kind_of?" | "respond_to?" => return Value::Bool(false),
            "!" => return Value::Bool(false),
            "to_s" | "inspect" => return "#<FilterTable::Trace>".into(),
            _ => {}
        }
        let next = Rc::new(Self::default());
        self.chain.borrow_mut().push((name.into(), args.to_vec(), next.clone()));
        Value::Trace(next)
    }

    fn words(&self) -> String {
        let chain = self.chain.borrow();
        if chain.is_empty() {
            return String::new();
        }
        let one = |(name, args, next): &(Rc<str>, Vec<Value>, Rc<Self>)| {
            let next = next.words();
            match args.as_slice() {
                [] => format!("{name}{next}"),
                [only] => format!("{name} {}{next}", only.inspect()),
                several => {
                    let all: Vec<String> = several.iter().map(Value::inspect).collect();
                    format!("{name}({}){next}", all.join(", "))
                }
            }
        };
        let all: Vec<String> = chain.iter().map(one).collect();
        format!(" {}", all.join(" "))
    }
}
