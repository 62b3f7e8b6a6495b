//! The Ruby that profiles are written in, as far as they need it.
//!
//! A file is parsed by a parser of the whole language and lowered to the small tree here.
//! What has no form here becomes [`Kind::Unsupported`]: it is an error only where it is reached.

mod lower;
mod parameters;
mod parse;
mod strings;

use std::rc::Rc;

pub(crate) use parse::{SourceFile, parse};

use crate::pattern::Pattern;

/// A place: which file of the run, and the line, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) file: u32,
    pub(crate) line: u32,
}

/// An expression and its place.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) at: At,
}

/// An expression.
#[derive(Debug)]
pub(crate) enum Kind {
    Nil,
    True,
    False,
    Itself,
    Int(i64),
    Float(f64),
    Str(Rc<str>),
    Sym(Rc<str>),
    /// A string with parts put in.
    Join(Vec<Node>),
    /// The same as a symbol.
    JoinSym(Vec<Node>),
    Regex(Rc<Pattern>),
    /// A regex with parts put in, and its options.
    JoinRegex(Vec<Node>, String),
    Array(Vec<Node>),
    Hash(Vec<Entry>),
    Range {
        from: Option<Box<Node>>,
        to: Option<Box<Node>>,
        exclusive: bool,
    },
    Splat(Box<Node>),
    Local(Rc<str>),
    Instance(Rc<str>),
    Global(Rc<str>),
    Const(Option<Box<Node>>, Rc<str>),
    Assign(Box<Place>, Box<Node>),
    /// `a += 1`, `a ||= 1`, `a &&= 1`.
    Update(Box<Place>, Operator, Box<Node>),
    MultiAssign(Vec<Place>, Box<Node>),
    Call(Box<Call>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Defined(Box<Node>),
    If(Box<Node>, Option<Box<Node>>, Option<Box<Node>>),
    Case(Box<Case>),
    Loop(Box<Loop>),
    For(Box<Place>, Box<Node>, Rc<Node>),
    Seq(Vec<Node>),
    Begin(Box<Begin>),
    Return(Option<Box<Node>>),
    Break(Option<Box<Node>>),
    Next(Option<Box<Node>>),
    Yield(Vec<Node>),
    Super(Option<Vec<Node>>),
    Def(Rc<Method>),
    Class(Rc<ClassBody>),
    Lambda(Rc<Block>),
    /// `$1`.
    Group(usize),
    /// `/x/ =~ y` with named groups, which become locals.
    MatchLocals(Rc<Pattern>, Box<Node>),
    Unsupported(&'static str),
}

/// An entry of a hash literal.
#[derive(Debug)]
pub(crate) enum Entry {
    Pair(Node, Node),
    Splat(Node),
}

/// `||`, `&&` or a binary method.
#[derive(Debug)]
pub(crate) enum Operator {
    Or,
    And,
    Method(Rc<str>),
}

/// What can be assigned to.
#[derive(Debug)]
pub(crate) enum Place {
    Local(Rc<str>),
    Instance(Rc<str>),
    Global(Rc<str>),
    Const(Rc<str>),
    Index(Node, Vec<Node>),
    Attribute(Node, Rc<str>),
    Several(Vec<Place>),
    Rest(Option<Box<Place>>),
    Unsupported(&'static str, At),
}

/// A method call.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) receiver: Option<Node>,
    pub(crate) name: Rc<str>,
    pub(crate) args: Vec<Node>,
    pub(crate) block: BlockArg,
    /// `&.`
    pub(crate) safe: bool,
}

/// The block of a call.
#[derive(Debug)]
pub(crate) enum BlockArg {
    None,
    Literal(Rc<Block>),
    /// `&expression`
    Passed(Node),
}

/// A block or a lambda.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) parameters: Parameters,
    pub(crate) body: Node,
    pub(crate) at: At,
    /// Bytes of the call with its block in the file, for the code of a control.
    pub(crate) source: (usize, usize),
    /// Bytes between its parameters and its end.
    pub(crate) inner: (usize, usize),
    pub(crate) is_lambda: bool,
}

/// The parameters of a block or method.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    pub(crate) required: Vec<Parameter>,
    pub(crate) optional: Vec<(Rc<str>, Node)>,
    pub(crate) rest: Option<Rc<str>>,
    pub(crate) post: Vec<Parameter>,
    pub(crate) keywords: Vec<(Rc<str>, Option<Node>)>,
    pub(crate) keyword_rest: Option<Rc<str>>,
    pub(crate) block: Option<Rc<str>>,
    /// `|a,|` and several parameters take an array apart.
    pub(crate) takes_apart: bool,
}

/// A parameter: a name, or `(a, b)`.
#[derive(Debug)]
pub(crate) enum Parameter {
    Name(Rc<str>),
    Parts(Vec<Parameter>),
    Rest(Option<Rc<str>>),
}

#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) subject: Option<Node>,
    pub(crate) whens: Vec<(Vec<Node>, Option<Node>)>,
    pub(crate) otherwise: Option<Node>,
}

#[derive(Debug)]
pub(crate) struct Loop {
    pub(crate) condition: Node,
    pub(crate) body: Option<Node>,
    /// `until`.
    pub(crate) negated: bool,
    /// `begin … end while`.
    pub(crate) body_first: bool,
}

#[derive(Debug)]
pub(crate) struct Begin {
    pub(crate) body: Option<Node>,
    pub(crate) rescues: Vec<Rescue>,
    pub(crate) otherwise: Option<Node>,
    pub(crate) ensure: Option<Node>,
}

#[derive(Debug)]
pub(crate) struct Rescue {
    /// Empty means `StandardError`.
    pub(crate) classes: Vec<Node>,
    pub(crate) variable: Option<Place>,
    pub(crate) body: Option<Node>,
}

/// `def name`.
#[derive(Debug)]
pub(crate) struct Method {
    pub(crate) name: Rc<str>,
    pub(crate) block: Rc<Block>,
    /// `def self.name`.
    pub(crate) on_class: bool,
}

/// `class X < Y` or `module X`.
#[derive(Debug)]
pub(crate) struct ClassBody {
    pub(crate) name: Rc<str>,
    pub(crate) superclass: Option<Node>,
    pub(crate) body: Option<Node>,
    pub(crate) is_module: bool,
}
