//! `nginx_conf`: directives and blocks, in files that name further files.

use std::rc::Rc;

use super::config_kinds::read;
use super::{Called, Resource, glob, normal};
use crate::interp::{Given, Machine};
use crate::map::Map;
use crate::stop::{Eval, Stop};
use crate::value::Value;

/// What stands before the path, where reports name a configuration.
const KIND: &str = "nginx_conf ";

/// Files that one configuration may consist of, each counted as often as it is named.
const MOST: usize = 2_000;

/// Blocks within blocks, and files within files.
const DEPTH: usize = 50;

/// How much may still be read.
struct Left {
    files: usize,
    depth: usize,
}

/// A directive with its arguments, or a block.
enum Item {
    Directive(String, Vec<String>),
    Block(String, Vec<String>, Vec<Item>),
}

/// Which part of a configuration is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Whole,
    /// All `http` blocks.
    Http,
    /// One of them.
    Entry,
    Server,
    Location,
}

/// A configuration or a part of one.
#[derive(Debug)]
struct Nginx {
    level: Level,
    /// How reports name the whole.
    whole: Rc<str>,
    params: Value,
    skipped: Option<String>,
}

/// `nginx_conf` and `nginx_conf(path)`.
pub(super) fn make(machine: &mut Machine<'_>, args: &[Value]) -> Eval {
    let path = super::text_arg(args).unwrap_or_else(|| "/etc/nginx/nginx.conf".into());
    let mut left = Left { files: MOST, depth: DEPTH };
    let (params, skipped) = match file(machine, &path, &mut left)? {
        Ok(params) => (params, None),
        Err(why) => (Map::default(), Some(why)),
    };
    let whole = format!("{KIND}{path}").into();
    let params = params.into();
    Ok(Value::Resource(Rc::new(Nginx { level: Level::Whole, whole, params, skipped })))
}

/// The settings of a file and of all that it includes; or why it cannot be tested.
fn file(
    machine: &mut Machine<'_>,
    path: &str,
    left: &mut Left,
) -> Result<Result<Map, String>, Stop> {
    if left.files == 0 || left.depth == 0 {
        return Ok(Err(format!(
            "`{path}` is one of more than {MOST} files, or stands more than {DEPTH} deep"
        )));
    }
    left.files -= 1;
    let text = match read(machine, path, true)? {
        Ok(text) => text,
        Err(why) => return Ok(Err(why)),
    };
    machine.meter.charge(text.len() * 4)?;
    machine.meter.steps(1 + (text.len() / 16) as u64)?;
    let mut reader = Reader { rest: &text, depth: 0 };
    let Some(items) = reader.items().filter(|_| reader.rest.is_empty()) else {
        return Ok(Err(format!("Cannot parse NginX config in {path}.")));
    };
    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
    left.depth -= 1;
    let read = group(machine, items, &[], directory, left);
    left.depth += 1;
    read
}

/// The settings of a block: each directive has a list of its arguments for each time that it stands, and
/// each block a list of settings; behind them those of the files that are included.
fn group(
    machine: &mut Machine<'_>,
    items: Vec<Item>,
    args: &[String],
    directory: &str,
    left: &mut Left,
) -> Result<Result<Map, String>, Stop> {
    let mut map = Map::default();
    if !args.is_empty() {
        map.insert("_".into(), Value::strings(args));
    }
    let (mut blocks, mut includes) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Item::Directive(name, args) if name == "include" => includes.extend(args),
            Item::Directive(name, args) => add(&mut map, &name, vec![Value::strings(args)]),
            Item::Block(name, args, items) => blocks.push((name, args, items)),
        }
    }
    for (name, args, items) in blocks {
        match group(machine, items, &args, directory, left)? {
            Ok(inner) => add(&mut map, &name, vec![inner.into()]),
            Err(why) => return Ok(Err(why)),
        }
    }
    for pattern in includes {
        let place =
            if pattern.starts_with('/') { pattern } else { format!("{directory}/{pattern}") };
        let place = normal(&place);
        let paths =
            if super::glob::is_pattern(&place) { glob(machine, &place)? } else { vec![place] };
        for path in paths {
            let inner = match file(machine, &path, left)? {
                Ok(inner) => inner,
                Err(why) => return Ok(Err(why)),
            };
            for (name, values) in inner.iter() {
                add(&mut map, &name.text(), values.clone().into_items());
            }
        }
    }
    Ok(Ok(map))
}

/// Puts more behind what a name has.
fn add(map: &mut Map, name: &str, more: Vec<Value>) {
    let mut all = map.text(name).cloned().unwrap_or(Value::Nil).into_items();
    all.extend(more);
    map.insert(name.into(), all.into());
}

/// Reads directives and blocks.
struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl Reader<'_> {
    /// Blanks and comments.
    fn skip(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            let Some(comment) = self.rest.strip_prefix('#') else { return };
            self.rest = comment.find('\n').map_or("", |end| &comment[end..]);
        }
    }

    /// All up to the end of a block or of the text; none for what is no configuration.
    fn items(&mut self) -> Option<Vec<Item>> {
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        let mut items = Vec::new();
        loop {
            self.skip();
            if self.rest.is_empty() || self.rest.starts_with('}') {
                self.depth -= 1;
                return Some(items);
            }
            let name = self.word()?;
            let mut args = Vec::new();
            loop {
                self.skip();
                if let Some(rest) = self.rest.strip_prefix(';') {
                    self.rest = rest;
                    items.push(Item::Directive(name, args));
                    break;
                }
                if let Some(rest) = self.rest.strip_prefix('{') {
                    self.rest = rest;
                    let inner = self.items()?;
                    self.rest = self.rest.strip_prefix('}')?;
                    items.push(Item::Block(name, args, inner));
                    break;
                }
                args.push(self.word()?);
            }
        }
    }

    /// A word, in quotes or not, its backslashes as they stand.
    fn word(&mut self) -> Option<String> {
        let quote = self.rest.chars().next().filter(|c| matches!(c, '"' | '\''));
        let text = &self.rest[usize::from(quote.is_some())..];
        let mut escaped = false;
        let end = text.char_indices().find(|(_, c)| {
            let ends = match quote {
                Some(quote) => *c == quote,
                None => c.is_whitespace() || matches!(c, ';' | '{' | '#'),
            };
            let ends = ends && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        let end = match (end, quote) {
            (Some((end, _)), _) => end,
            (None, None) => text.len(),
            (None, Some(_)) => return None,
        };
        let (word, rest) = text.split_at(end);
        self.rest = &rest[usize::from(quote.is_some())..];
        // A word that ends where it begins would be read for ever.
        (quote.is_some() || !word.is_empty()).then(|| word.to_owned())
    }
}

impl Nginx {
    fn get(&self, name: &str) -> Option<Value> {
        let Value::Hash(map) = &self.params else { return None };
        map.borrow().text(name).cloned()
    }

    fn part(&self, level: Level, params: Value) -> Value {
        let (whole, skipped) = (self.whole.clone(), None);
        Value::Resource(Rc::new(Self { level, whole, params, skipped }))
    }

    /// The blocks of a name, each as a part.
    fn parts(&self, name: &str, level: Level) -> Vec<Value> {
        let blocks = self.get(name).unwrap_or(Value::Nil).into_items();
        blocks.into_iter().map(|params| self.part(level, params)).collect()
    }

    /// Parts of parts, as far as these are ones.
    fn below(machine: &mut Machine<'_>, parts: &[Value], name: &str) -> Eval {
        let mut all = Vec::new();
        for part in parts {
            all.extend(machine.send(part, name, &[], None)?.into_items());
        }
        Ok(all.into())
    }

    fn first(&self, name: &str) -> Option<String> {
        let mut value = self.get(name)?;
        while let Value::Array(items) = &value {
            let first = items.borrow().first().cloned()?;
            value = first;
        }
        Some(value.text().to_string())
    }
}

impl Resource for Nginx {
    fn kind(&self) -> &'static str {
        "nginx_conf"
    }

    fn text(&self) -> String {
        let whole = &self.whole;
        match self.level {
            Level::Whole => whole.to_string(),
            Level::Http => format!("{whole}, http entries"),
            Level::Entry => format!("{whole}, http entry"),
            Level::Server => {
                let name = self.first("server_name").unwrap_or_default();
                let listen = self.first("listen").filter(|_| !name.is_empty());
                let port = listen.map(|listen| format!(":{listen}")).unwrap_or_default();
                format!("{whole}, server {name}{port}")
            }
            Level::Location => {
                let args = self.get("_").unwrap_or(Value::Nil).into_items();
                let args: Vec<_> = args.iter().map(|arg| arg.text().to_string()).collect();
                format!("{whole}, location {}", Value::from(args.join(" ")).inspect())
            }
        }
    }

    fn skipped(&self) -> Option<String> {
        self.skipped.clone()
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        if !args.is_empty() {
            return Ok(None);
        }
        Ok(Some(match (self.level, name) {
            (Level::Http, "entries") => self.params.clone().into_items().into(),
            (Level::Http, "servers") => {
                Self::below(machine, &self.params.clone().into_items(), "servers")?
            }
            (_, "params") => self.params.clone(),
            // The text of the file itself: those that it includes are read with its settings.
            (Level::Whole, "contents") => {
                let path = self.whole.strip_prefix(KIND).unwrap_or_default();
                let text = read(machine, path, true)?.ok();
                text.map(|text| (path.into(), Value::Str(text))).into_iter().collect::<Map>().into()
            }
            (Level::Whole, "http") => {
                self.part(Level::Http, self.parts("http", Level::Entry).into())
            }
            (Level::Whole, "servers" | "locations") => {
                let http = self.part(Level::Http, self.parts("http", Level::Entry).into());
                machine.send(&http, name, &[], None)?
            }
            (Level::Entry, "servers") => self.parts("server", Level::Server).into(),
            (Level::Http | Level::Entry, "locations") => {
                let me = Value::Resource(self.clone());
                let servers = machine.send(&me, "servers", &[], None)?.into_items();
                Self::below(machine, &servers, "locations")?
            }
            (Level::Server, "locations") => self.parts("location", Level::Location).into(),
            (Level::Http | Level::Location, _) => return Ok(None),
            // Words of Ruby are no directives.
            (_, name) if name.ends_with(['?', '!', '=']) || name.starts_with("to_") => {
                return Ok(None);
            }
            (_, "inspect" | "class" | "should" | "should_not" | "send" | "[]" | "where") => {
                return Ok(None);
            }
            (level, name) => match self.get(name) {
                Some(value) => machine.send(&value, "flatten", &[], None)?,
                None if level == Level::Whole => Value::Nil,
                None => Vec::new().into(),
            },
        }))
    }
}
