use std::rc::Rc;

use lib_ruby_parser::{Node as Ast, nodes};

use super::{
    At, Begin, Block, BlockArg, Call, Case, ClassBody, Entry, Kind, Loop, Method, Node, Operator,
    Parameters, Place, Rescue,
};

/// Levels of expressions that are kept. Deeper ones cannot be run.
const MAX_DEPTH: usize = 400;

/// Turns the parser's tree into ours.
pub(super) struct Lowering {
    file: u32,
    /// Where lines begin.
    lines: Vec<usize>,
    depth: usize,
}

type Boxed = Option<Box<Ast>>;

impl Lowering {
    pub(super) fn new(text: &str, file: u32) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect();
        Self { file, lines, depth: 0 }
    }

    pub(super) fn program(mut self, ast: &Ast) -> Node {
        self.node(ast)
    }

    pub(super) fn at(&self, byte: usize) -> At {
        let line = self.lines.partition_point(|begin| *begin <= byte);
        At { file: self.file, line: u32::try_from(line).unwrap_or(u32::MAX).max(1) }
    }

    pub(super) fn node(&mut self, ast: &Ast) -> Node {
        let at = self.at(ast.expression().begin);
        if self.depth >= MAX_DEPTH {
            return Node { kind: Kind::Unsupported("expressions nested this deeply"), at };
        }
        self.depth += 1;
        let kind = self.kind(ast);
        self.depth -= 1;
        Node { kind, at }
    }

    pub(super) fn boxed(&mut self, ast: &Ast) -> Box<Node> {
        Box::new(self.node(ast))
    }

    fn maybe(&mut self, ast: &Boxed) -> Option<Node> {
        ast.as_deref().map(|ast| self.node(ast))
    }

    fn maybe_boxed(&mut self, ast: &Boxed) -> Option<Box<Node>> {
        ast.as_deref().map(|ast| self.boxed(ast))
    }

    pub(super) fn all(&mut self, asts: &[Ast]) -> Vec<Node> {
        asts.iter().map(|ast| self.node(ast)).collect()
    }

    fn body(&mut self, ast: &Boxed, at: At) -> Node {
        self.maybe(ast).unwrap_or(Node { kind: Kind::Nil, at })
    }

    fn kind(&mut self, ast: &Ast) -> Kind {
        match ast {
            Ast::Nil(_) => Kind::Nil,
            Ast::True(_) => Kind::True,
            Ast::False(_) => Kind::False,
            Ast::Self_(_) => Kind::Itself,
            Ast::Int(_)
            | Ast::Float(_)
            | Ast::Str(_)
            | Ast::Sym(_)
            | Ast::Dstr(_)
            | Ast::Dsym(_)
            | Ast::Heredoc(_)
            | Ast::Regexp(_) => self.literal(ast),
            Ast::Array(array) => Kind::Array(self.all(&array.elements)),
            Ast::Hash(hash) => Kind::Hash(self.entries(&hash.pairs)),
            Ast::Kwargs(kwargs) => Kind::Hash(self.entries(&kwargs.pairs)),
            Ast::Irange(range) => self.range(&range.left, &range.right, false),
            Ast::Erange(range) => self.range(&range.left, &range.right, true),
            Ast::Splat(splat) => match splat.value.as_deref() {
                Some(value) => Kind::Splat(self.boxed(value)),
                None => Kind::Unsupported("a splat without a name"),
            },
            Ast::Lvar(var) => Kind::Local(var.name.as_str().into()),
            Ast::Ivar(var) => Kind::Instance(var.name.as_str().into()),
            Ast::Gvar(var) => Kind::Global(var.name.as_str().into()),
            Ast::NthRef(group) => group
                .name
                .parse()
                .map_or(Kind::Unsupported("a group of a match by a large number"), Kind::Group),
            Ast::Const(name) => {
                Kind::Const(self.maybe_boxed(&name.scope), name.name.as_str().into())
            }
            Ast::Begin(begin) => self.sequence(&begin.statements),
            Ast::KwBegin(begin) => self.sequence(&begin.statements),
            Ast::And(and) => Kind::And(self.boxed(&and.lhs), self.boxed(&and.rhs)),
            Ast::Or(or) => Kind::Or(self.boxed(&or.lhs), self.boxed(&or.rhs)),
            Ast::Defined(defined) => Kind::Defined(self.boxed(&defined.value)),
            Ast::MatchWithLvasgn(found) => self.match_locals(found),
            _ => self.statement(ast),
        }
    }

    fn statement(&mut self, ast: &Ast) -> Kind {
        match ast {
            Ast::Lvasgn(_)
            | Ast::Ivasgn(_)
            | Ast::Gvasgn(_)
            | Ast::Casgn(_)
            | Ast::IndexAsgn(_) => self.assignment(ast),
            Ast::OpAsgn(update) => {
                let operator = Operator::Method(update.operator.trim_end_matches('=').into());
                self.update(&update.recv, operator, &update.value)
            }
            Ast::OrAsgn(update) => self.update(&update.recv, Operator::Or, &update.value),
            Ast::AndAsgn(update) => self.update(&update.recv, Operator::And, &update.value),
            Ast::Masgn(several) => {
                let places = match &*several.lhs {
                    Ast::Mlhs(list) => list.items.iter().map(|item| self.place(item)).collect(),
                    other => vec![self.place(other)],
                };
                Kind::MultiAssign(places, self.boxed(&several.rhs))
            }
            Ast::If(choice) => self.choice(&choice.cond, &choice.if_true, &choice.if_false),
            Ast::IfMod(choice) => self.choice(&choice.cond, &choice.if_true, &choice.if_false),
            Ast::IfTernary(choice) => Kind::If(
                self.boxed(&choice.cond),
                Some(self.boxed(&choice.if_true)),
                Some(self.boxed(&choice.if_false)),
            ),
            Ast::Case(case) => self.case(case),
            Ast::While(_) | Ast::Until(_) | Ast::WhilePost(_) | Ast::UntilPost(_) => {
                self.repeat(ast)
            }
            Ast::For(each) => {
                let place = Box::new(self.place(&each.iterator));
                let list = self.boxed(&each.iteratee);
                let at = self.at(each.expression_l.begin);
                Kind::For(place, list, Rc::new(self.body(&each.body, at)))
            }
            Ast::Rescue(_) | Ast::Ensure(_) => self.begin(ast),
            Ast::Return(jump) => Kind::Return(self.jump(&jump.args)),
            Ast::Break(jump) => Kind::Break(self.jump(&jump.args)),
            Ast::Next(jump) => Kind::Next(self.jump(&jump.args)),
            Ast::Yield(yielded) => Kind::Yield(self.all(&yielded.args)),
            Ast::Super(call) => Kind::Super(Some(self.all(&call.args))),
            Ast::ZSuper(_) => Kind::Super(None),
            _ => self.call_or_definition(ast),
        }
    }

    fn call_or_definition(&mut self, ast: &Ast) -> Kind {
        match ast {
            Ast::Send(_) | Ast::CSend(_) | Ast::Index(_) => self.call(ast, BlockArg::None),
            Ast::Block(block) => self.call_with_block(block),
            Ast::Numblock(block) => self.call_with_numbered_block(block),
            Ast::Lambda(_) => Kind::Unsupported("a lambda without a body"),
            Ast::Def(def) => {
                let block = self.method(&def.args, &def.body, &def.expression_l);
                let method = Method { name: def.name.as_str().into(), block, on_class: false };
                Kind::Def(Rc::new(method))
            }
            Ast::Defs(def) => {
                let block = self.method(&def.args, &def.body, &def.expression_l);
                let method = Method { name: def.name.as_str().into(), block, on_class: true };
                Kind::Def(Rc::new(method))
            }
            Ast::Class(class) => Kind::Class(Rc::new(ClassBody {
                name: constant_name(&class.name),
                superclass: self.maybe(&class.superclass),
                body: self.maybe(&class.body),
                is_module: false,
            })),
            Ast::Module(module) => Kind::Class(Rc::new(ClassBody {
                name: constant_name(&module.name),
                superclass: None,
                body: self.maybe(&module.body),
                is_module: true,
            })),
            Ast::File(_) => Kind::Str("".into()),
            Ast::EmptyElse(_) => Kind::Nil,
            Ast::Xstr(_) | Ast::XHeredoc(_) => Kind::Unsupported("a program in back quotes"),
            Ast::CaseMatch(_) | Ast::MatchPattern(_) | Ast::MatchPatternP(_) => {
                Kind::Unsupported("pattern matching")
            }
            Ast::Cvar(_) | Ast::Cvasgn(_) => Kind::Unsupported("a class variable"),
            Ast::SClass(_) => Kind::Unsupported("a singleton class"),
            Ast::Retry(_) => Kind::Unsupported("`retry`"),
            Ast::Redo(_) => Kind::Unsupported("`redo`"),
            Ast::Alias(alias) => {
                let args = vec![self.node(&alias.to), self.node(&alias.from)];
                let (receiver, block) = (None, BlockArg::None);
                let name = "alias_method".into();
                Kind::Call(Box::new(Call { receiver, name, args, block, safe: false }))
            }
            Ast::Undef(_) => Kind::Unsupported("`undef`"),
            _ => Kind::Unsupported("this construct of the language"),
        }
    }

    fn range(&mut self, left: &Boxed, right: &Boxed, exclusive: bool) -> Kind {
        Kind::Range { from: self.maybe_boxed(left), to: self.maybe_boxed(right), exclusive }
    }

    fn choice(&mut self, condition: &Ast, yes: &Boxed, no: &Boxed) -> Kind {
        Kind::If(self.boxed(condition), self.maybe_boxed(yes), self.maybe_boxed(no))
    }

    fn jump(&mut self, args: &[Ast]) -> Option<Box<Node>> {
        match args {
            [] => None,
            [only] => Some(self.boxed(only)),
            [first, ..] => {
                let at = self.at(first.expression().begin);
                Some(Box::new(Node { kind: Kind::Array(self.all(args)), at }))
            }
        }
    }

    fn sequence(&mut self, statements: &[Ast]) -> Kind {
        match statements {
            [] => Kind::Nil,
            [only] => self.node(only).kind,
            several => Kind::Seq(self.all(several)),
        }
    }

    fn entries(&mut self, pairs: &[Ast]) -> Vec<Entry> {
        let mut entries = Vec::new();
        for pair in pairs {
            entries.push(match pair {
                Ast::Pair(pair) => Entry::Pair(self.node(&pair.key), self.node(&pair.value)),
                Ast::Kwsplat(splat) => Entry::Splat(self.node(&splat.value)),
                other => Entry::Splat(self.node(other)),
            });
        }
        entries
    }

    fn case(&mut self, case: &nodes::Case) -> Kind {
        let subject = self.maybe(&case.expr);
        let mut whens = Vec::new();
        for body in &case.when_bodies {
            if let Ast::When(when) = body {
                let patterns = self.all(&when.patterns);
                let body = self.maybe(&when.body);
                whens.push((patterns, body));
            }
        }
        let otherwise = self.maybe(&case.else_body);
        Kind::Case(Box::new(Case { subject, whens, otherwise }))
    }

    fn repeat(&mut self, ast: &Ast) -> Kind {
        let (condition, body, negated, body_first) = match ast {
            Ast::While(node) => (&node.cond, self.maybe(&node.body), false, false),
            Ast::Until(node) => (&node.cond, self.maybe(&node.body), true, false),
            Ast::WhilePost(node) => (&node.cond, Some(self.node(&node.body)), false, true),
            Ast::UntilPost(node) => (&node.cond, Some(self.node(&node.body)), true, true),
            _ => return Kind::Unsupported("this loop"),
        };
        let condition = self.node(condition);
        Kind::Loop(Box::new(Loop { condition, body, negated, body_first }))
    }

    fn begin(&mut self, ast: &Ast) -> Kind {
        let mut begin = Begin { body: None, rescues: Vec::new(), otherwise: None, ensure: None };
        let rescue = match ast {
            Ast::Ensure(ensure) => {
                begin.ensure = self.maybe(&ensure.ensure);
                match ensure.body.as_deref() {
                    Some(Ast::Rescue(rescue)) => Some(rescue),
                    Some(body) => {
                        begin.body = Some(self.node(body));
                        None
                    }
                    None => None,
                }
            }
            Ast::Rescue(rescue) => Some(rescue),
            _ => None,
        };
        if let Some(rescue) = rescue {
            begin.body = self.maybe(&rescue.body);
            begin.otherwise = self.maybe(&rescue.else_);
            begin.rescues = rescue.rescue_bodies.iter().filter_map(|b| self.rescue(b)).collect();
        }
        Kind::Begin(Box::new(begin))
    }

    fn rescue(&mut self, ast: &Ast) -> Option<Rescue> {
        let Ast::RescueBody(body) = ast else { return None };
        let classes = match body.exc_list.as_deref() {
            Some(Ast::Array(list)) => self.all(&list.elements),
            Some(other) => vec![self.node(other)],
            None => Vec::new(),
        };
        let variable = body.exc_var.as_deref().map(|place| self.place(place));
        Some(Rescue { classes, variable, body: self.maybe(&body.body) })
    }

    fn method(&mut self, args: &Boxed, body: &Boxed, whole: &lib_ruby_parser::Loc) -> Rc<Block> {
        let at = self.at(whole.begin);
        let parameters = self.parameters(args.as_deref());
        let body = self.body(body, at);
        let source = (whole.begin, whole.end);
        Rc::new(Block { parameters, body, at, source, inner: source, is_lambda: true })
    }

    fn call_with_block(&mut self, block: &nodes::Block) -> Kind {
        let is_lambda = match &*block.call {
            Ast::Lambda(_) => true,
            Ast::Send(send) => send.recv.is_none() && send.method_name == "lambda",
            _ => false,
        };
        let at = self.at(block.expression_l.begin);
        let parameters = self.parameters(block.args.as_deref());
        let body = self.body(&block.body, at);
        let source = (block.expression_l.begin, block.expression_l.end);
        let begin = block.args.as_ref().map_or(block.begin_l.end, |args| args.expression().end);
        let inner = (begin, block.end_l.begin);
        let lowered = Rc::new(Block { parameters, body, at, source, inner, is_lambda });
        if is_lambda {
            return Kind::Lambda(lowered);
        }
        self.call(&block.call, BlockArg::Literal(lowered))
    }

    fn call_with_numbered_block(&mut self, block: &nodes::Numblock) -> Kind {
        let at = self.at(block.expression_l.begin);
        let mut parameters = Parameters { takes_apart: block.numargs > 1, ..Parameters::default() };
        for number in 1..=block.numargs {
            parameters.required.push(super::Parameter::Name(format!("_{number}").into()));
        }
        let body = self.node(&block.body);
        let source = (block.expression_l.begin, block.expression_l.end);
        let inner = (block.begin_l.end, block.end_l.begin);
        let lowered = Rc::new(Block { parameters, body, at, source, inner, is_lambda: false });
        self.call(&block.call, BlockArg::Literal(lowered))
    }

    fn call(&mut self, ast: &Ast, block: BlockArg) -> Kind {
        let (receiver, name, args, safe) = match ast {
            Ast::Send(send) => (send.recv.as_deref(), &*send.method_name, &send.args, false),
            Ast::CSend(send) => (Some(&*send.recv), &*send.method_name, &send.args, true),
            Ast::Index(index) => (Some(&*index.recv), "[]", &index.indexes, false),
            Ast::Super(call) => {
                return match block {
                    BlockArg::None => Kind::Super(Some(self.all(&call.args))),
                    _ => Kind::Unsupported("`super` with a block"),
                };
            }
            _ => return Kind::Unsupported("a block for this construct"),
        };
        let receiver = receiver.map(|receiver| self.node(receiver));
        let (args, block) = match (args.split_last(), block) {
            (Some((Ast::BlockPass(pass), before)), BlockArg::None) => {
                let block = match pass.value.as_deref() {
                    Some(value) => BlockArg::Passed(self.node(value)),
                    None => BlockArg::None,
                };
                (before, block)
            }
            (_, block) => (args.as_slice(), block),
        };
        let args = self.all(args);
        Kind::Call(Box::new(Call { receiver, name: name.into(), args, block, safe }))
    }

    fn assignment(&mut self, ast: &Ast) -> Kind {
        let value = match ast {
            Ast::Lvasgn(assign) => assign.value.as_deref(),
            Ast::Ivasgn(assign) => assign.value.as_deref(),
            Ast::Gvasgn(assign) => assign.value.as_deref(),
            Ast::Casgn(assign) => assign.value.as_deref(),
            Ast::IndexAsgn(assign) => assign.value.as_deref(),
            _ => None,
        };
        let place = self.place(ast);
        match value {
            Some(value) => Kind::Assign(Box::new(place), self.boxed(value)),
            None => Kind::Unsupported("an assignment without a value"),
        }
    }

    fn update(&mut self, place: &Ast, operator: Operator, value: &Ast) -> Kind {
        Kind::Update(Box::new(self.place(place)), operator, self.boxed(value))
    }

    fn place(&mut self, ast: &Ast) -> Place {
        match ast {
            Ast::Lvasgn(assign) => Place::Local(assign.name.as_str().into()),
            Ast::Lvar(var) => Place::Local(var.name.as_str().into()),
            Ast::Ivasgn(assign) => Place::Instance(assign.name.as_str().into()),
            Ast::Ivar(var) => Place::Instance(var.name.as_str().into()),
            Ast::Gvasgn(assign) => Place::Global(assign.name.as_str().into()),
            Ast::Gvar(var) => Place::Global(var.name.as_str().into()),
            Ast::Casgn(assign) => Place::Const(assign.name.as_str().into()),
            Ast::Const(name) => Place::Const(name.name.as_str().into()),
            Ast::IndexAsgn(index) => Place::Index(self.node(&index.recv), self.all(&index.indexes)),
            Ast::Index(index) => Place::Index(self.node(&index.recv), self.all(&index.indexes)),
            Ast::Send(send) => match send.recv.as_deref() {
                Some(receiver) => {
                    let name = send.method_name.trim_end_matches('=');
                    Place::Attribute(self.node(receiver), name.into())
                }
                None => Place::Unsupported("this assignment", self.at(send.expression_l.begin)),
            },
            Ast::Mlhs(list) => {
                Place::Several(list.items.iter().map(|item| self.place(item)).collect())
            }
            Ast::Splat(splat) => {
                Place::Rest(splat.value.as_deref().map(|place| Box::new(self.place(place))))
            }
            other => Place::Unsupported("this assignment", self.at(other.expression().begin)),
        }
    }
}

fn constant_name(ast: &Ast) -> Rc<str> {
    match ast {
        Ast::Const(name) => name.name.as_str().into(),
        _ => "?".into(),
    }
}
