//! A matrix of images: one node that declares an image for each combination of values.

use std::sync::Arc;

use forge_diag::{Diagnostic, Sink, Span, Spanned, codes};
use forge_syntax::reference::{Child, Field, NodeKind};
use forge_syntax::{Cursor, Entry, Node, Piece, Text, Value, Written, pieces, suggest};

use super::image::{self, ImageDecl};
use super::role::{Given, GivenValue};
use super::{TextAt, bad_name};

pub(crate) const KIND: NodeKind = NodeKind {
    name: "images",
    doc: "A matrix: one image for each combination of its axes' values. Each has all that stands \
          here, and what the cells that match it say; what a cell changes needs `override=#true`. \
          The values are set for the image, so that conditions and texts may use them.",
    args: &[Field::required("name", "text", "the images' names; it puts in every axis")],
    props: &[image::FROM],
    children: &[
        Child::new("axis", "a name and its values, as arguments"),
        Child::new(
            "except",
            "a combination that there is no image of, as properties; several values of an axis as \
             a child node",
        ),
        Child::new("only", "with it, only such combinations count"),
        Child::new("cell", "more of the images that have these values"),
        image::DOC,
        image::BASE,
        image::SET,
        image::KERNEL,
        image::OUTPUT,
        image::EXPECT_FAILED,
        image::DROP_ROLE,
    ],
    example: "images \"${cluster}-${type}\" {\n    axis \"cluster\" \"summit\" \"blanca\"\n    axis \"type\" \"compute\" \"gpu\"\n    except cluster=\"blanca\" type=\"gpu\"\n    base \"bookworm\"\n    cell type=\"gpu\" { packages \"nvtop\" }\n}",
};

pub(crate) const CELL: NodeKind = NodeKind {
    name: "cell",
    doc: "What the images of a matrix have more that have these values. Its properties are axes; \
          in it stands everything that may stand in an `image`. Of two cells that match an image, \
          the later one counts.",
    args: &[],
    props: &[],
    children: &[
        image::DOC,
        image::BASE,
        image::SET,
        image::KERNEL,
        image::OUTPUT,
        image::EXPECT_FAILED,
        image::DROP_ROLE,
    ],
    example: "",
};

/// Images that one node may declare.
const MOST: usize = 4096;

struct Axis {
    name: Spanned<String>,
    values: Vec<Spanned<String>>,
}

/// Values of some axes: what it matches has one of them on each.
struct Selection {
    head: Span,
    wanted: Vec<(usize, Vec<String>)>,
}

impl Selection {
    fn matches(&self, cell: &[usize], axes: &[Axis]) -> bool {
        self.wanted.iter().all(|(axis, values)| {
            let value = axes.get(*axis).zip(cell.get(*axis));
            let value = value.and_then(|(axis, index)| axis.values.get(*index));
            value.is_some_and(|value| values.contains(&value.value))
        })
    }
}

pub(crate) fn decode(node: &Node, sink: &mut Sink) -> Vec<ImageDecl> {
    let mut cursor = Cursor::of(node, &KIND);
    let pattern: Option<TextAt> = cursor.arg("name");
    let axes = axes(cursor.children("axis"), sink);
    let mut select = |name: &'static str, cursor: &mut Cursor<'_>| -> Vec<Selection> {
        let nodes = cursor.children(name);
        nodes.into_iter().filter_map(|node| selection(node, &axes, sink)).collect()
    };
    let (only, except) = (select("only", &mut cursor), select("except", &mut cursor));
    let cells: Vec<(Selection, ImageDecl)> =
        cursor.children("cell").into_iter().filter_map(|node| cell(node, &axes, sink)).collect();
    let none = Spanned::new(String::new(), node.head);
    let from = cursor.prop("from");
    let mut body = image::read(&mut cursor, none, "images", sink);
    if axes.is_empty() && !node.children.iter().any(|child| child.name.value == "axis") {
        let help = "add `axis \"type\" \"compute\" \"gpu\"`, or declare an `image`";
        cursor.report(wrong("a matrix without an axis has no images").at(node.head, "").help(help));
    }
    cursor.finish(sink);
    let Some(pattern) = pattern.filter(|pattern| check_pattern(pattern, &axes, sink)) else {
        return Vec::new();
    };
    check_set(&mut body, &axes, sink);
    let checked = cells.into_iter().map(|(selection, mut cell)| {
        check_set(&mut cell, &axes, sink);
        (selection, Arc::new(cell))
    });
    let (cells, body) = (checked.collect(), Arc::new(body));
    let matrix = Matrix { head: node.head, pattern, axes, only, except, cells, from, body };
    matrix.images(sink)
}

struct Matrix {
    head: Span,
    pattern: TextAt,
    axes: Vec<Axis>,
    only: Vec<Selection>,
    except: Vec<Selection>,
    cells: Vec<(Selection, Arc<ImageDecl>)>,
    from: Option<Spanned<String>>,
    body: Arc<ImageDecl>,
}

fn wrong(headline: impl Into<String>) -> Diagnostic {
    Diagnostic::error(codes::SPEC_MATRIX, headline)
}

impl Matrix {
    /// An image for each combination that counts.
    fn images(&self, sink: &mut Sink) -> Vec<ImageDecl> {
        let count = self.axes.iter().map(|axis| axis.values.len()).try_fold(1, usize::checked_mul);
        if self.axes.is_empty() || count == Some(0) {
            return Vec::new();
        }
        if count.is_none_or(|count| count > MOST) {
            let headline = format!("a matrix has {MOST} images at most");
            sink.push(wrong(headline).at(self.head, "this one has more"));
            return Vec::new();
        }
        let all = combinations(&self.axes);
        let kept: Vec<&Vec<usize>> = all
            .iter()
            .filter(|cell| self.only.is_empty() || any(&self.only, cell, &self.axes))
            .collect();
        let left: Vec<&Vec<usize>> =
            kept.iter().copied().filter(|cell| !any(&self.except, cell, &self.axes)).collect();
        let unused = |kind: &str, selection: &Selection| {
            Diagnostic::warning(
                codes::SPEC_MATRIX_UNUSED,
                format!("this `{kind}` matches no image"),
            )
            .at(selection.head, "it does nothing")
            .help("take it away, or see which of the other lines takes its images away")
        };
        for (kind, selections, cells) in [("except", &self.except, &kept)] {
            for selection in selections {
                if !cells.iter().any(|cell| selection.matches(cell, &self.axes)) {
                    sink.push(unused(kind, selection));
                }
            }
        }
        for (selection, _) in &self.cells {
            if !left.is_empty() && !left.iter().any(|cell| selection.matches(cell, &self.axes)) {
                sink.push(unused("cell", selection));
            }
        }
        if left.is_empty() {
            let mut found = wrong("nothing is left of the matrix").at(self.head, "no image");
            for selection in self.only.iter().chain(&self.except) {
                found = found.and(selection.head, "because of this");
            }
            sink.push(found);
        }
        left.into_iter().filter_map(|cell| self.image(cell, sink)).collect()
    }

    fn image(&self, cell: &[usize], sink: &mut Sink) -> Option<ImageDecl> {
        let values: Vec<(&Axis, &Spanned<String>)> = self
            .axes
            .iter()
            .zip(cell)
            .filter_map(|(axis, index)| Some((axis, axis.values.get(*index)?)))
            .collect();
        let value = |name: &str| {
            values.iter().find(|(axis, _)| axis.name.value == name).map(|(_, at)| at.value.clone())
        };
        let name = forge_syntax::interpolate(&self.pattern.value, value).ok()?;
        let mut said = String::new();
        for (axis, value) in &values {
            said.push_str(&format!(" {}=\"{}\"", axis.name.value, value.value));
        }
        if !image::is_image_name(&name) {
            let headline = format!("`{name}` is no name of an image");
            sink.push(
                bad_name(self.pattern.span, headline)
                    .help("it names files: lower-case letters, digits, `.`, `_` and `-`")
                    .note(format!("of the cell{said}")),
            );
            return None;
        }
        let matching = self.cells.iter().filter(|(one, _)| one.matches(cell, &self.axes));
        let cells: Vec<Arc<ImageDecl>> = matching.map(|(_, cell)| Arc::clone(cell)).collect();
        let mut links = std::iter::once(&self.body).chain(&cells);
        if self.from.is_none() && links.all(|link| link.base.is_none()) {
            sink.push(
                Diagnostic::error(codes::SYNTAX_MISSING, format!("`{name}` stands on nothing"))
                    .at(self.head, "")
                    .help("add `base \"NAME\"` for all images or in a `cell`, or `from=\"IMAGE\"`")
                    .note(format!("it is the cell{said}")),
            );
            return None;
        }
        let name = Spanned::new(name, self.pattern.span);
        let mut image = ImageDecl::empty(name.clone(), self.head);
        let mut set = ImageDecl::empty(name, self.head);
        set.set = values.iter().map(|(axis, value)| given(axis, value)).collect();
        // The images' name reads the axes.
        set.mentions.names = values.iter().map(|(axis, _)| axis.name.value.clone()).collect();
        image.from.clone_from(&self.from);
        image.below = [Arc::new(set), Arc::clone(&self.body)].into_iter().chain(cells).collect();
        Some(image)
    }
}

/// An axis as a `set` of the image.
fn given(axis: &Axis, value: &Spanned<String>) -> Given {
    let text = Text { value: value.value.clone(), raw: true };
    let entry = Entry {
        name: Some(axis.name.clone()),
        value: Value::Text(text),
        span: value.span,
        reported: false,
    };
    Given { name: axis.name.clone(), value: GivenValue::One(entry) }
}

fn any(selections: &[Selection], cell: &[usize], axes: &[Axis]) -> bool {
    selections.iter().any(|selection| selection.matches(cell, axes))
}

/// All combinations, the last axis running fastest: for each axis the index of its value.
fn combinations(axes: &[Axis]) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for axis in axes {
        let longer = |cell: Vec<usize>| {
            (0..axis.values.len()).map(move |index| {
                let mut cell = cell.clone();
                cell.push(index);
                cell
            })
        };
        all = all.into_iter().flat_map(longer).collect();
    }
    all
}

fn axes(nodes: Vec<&Node>, sink: &mut Sink) -> Vec<Axis> {
    let mut axes: Vec<Axis> = Vec::new();
    for node in nodes {
        let mut cursor = Cursor::new(node);
        let name = cursor.arg::<String>("name");
        let values = cursor.some_args::<String>("value");
        for (index, value) in values.iter().enumerate() {
            if !forge_param::is_name(&value.value) {
                let headline = format!("`{}` is no value of an axis", value.value);
                cursor.report(
                    bad_name(value.span, headline).help("letters, digits, `.`, `_` and `-`"),
                );
            }
            if let Some(first) = values.iter().take(index).find(|earlier| *earlier == value) {
                let headline = format!("the value `{}` is given twice", value.value);
                cursor.report(
                    Diagnostic::error(codes::SYNTAX_DUPLICATE, headline)
                        .at(value.span, "and again here")
                        .and(first.span, "first here"),
                );
            }
        }
        cursor.finish(sink);
        let Some(name) = name else { continue };
        if let Some(first) = axes.iter().find(|axis| axis.name == name) {
            let headline = format!("there are two axes `{}`", name.value);
            sink.push(
                Diagnostic::error(codes::SYNTAX_DUPLICATE, headline)
                    .at(name.span, "and again here")
                    .and(first.name.span, "first here"),
            );
            continue;
        }
        axes.push(Axis { name, values });
    }
    axes
}

/// The name must tell all images apart, and can put in nothing but axes.
fn check_pattern(pattern: &TextAt, axes: &[Axis], sink: &mut Sink) -> bool {
    let Ok(pieces) = pieces(&pattern.value) else {
        sink.push(
            Diagnostic::error(
                codes::SPEC_TEXT,
                format!("`{}` cannot be read", pattern.value.value),
            )
            .at(pattern.span, "a `${…}` that is none")
            .help("write `${name}`"),
        );
        return false;
    };
    let names: Vec<&str> = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Name { name, .. } => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
        .collect();
    let mut good = true;
    let known = || axes.iter().map(|axis| axis.name.value.as_str());
    for name in names.iter().filter(|name| known().all(|axis| axis != **name)) {
        good = false;
        sink.push(
            wrong(format!("the matrix has no axis `{name}`"))
                .at(pattern.span, "put in here")
                .maybe_help(forge_syntax::did_you_mean(name, known())),
        );
    }
    for axis in axes.iter().filter(|axis| !names.contains(&axis.name.value.as_str())) {
        good = false;
        let name = &axis.name.value;
        sink.push(
            wrong(format!("the images' name does not tell `{name}`"))
                .at(pattern.span, format!("put `${{{name}}}` in"))
                .and(axis.name.span, "the axis"),
        );
    }
    good
}

/// What names images: properties, and child nodes where an axis has several values.
fn selection(node: &Node, axes: &[Axis], sink: &mut Sink) -> Option<Selection> {
    let mut cursor = Cursor::new(node);
    let mut given: Vec<(Spanned<String>, Vec<Spanned<String>>)> = props(&mut cursor);
    for child in cursor.rest_children() {
        let mut below = Cursor::new(child);
        let values = below.some_args::<String>("value");
        below.finish(sink);
        given.push((child.name.clone(), values));
    }
    wanted(cursor, given, axes, sink)
}

fn props(cursor: &mut Cursor<'_>) -> Vec<(Spanned<String>, Vec<Spanned<String>>)> {
    let props = cursor.rest_props();
    let mut given = Vec::new();
    for (name, entry) in props {
        match &entry.value {
            Value::Text(text) => {
                given.push((name.clone(), vec![Spanned::new(text.value.clone(), entry.span)]));
            }
            other if !entry.reported => cursor.report(
                Diagnostic::error(codes::SYNTAX_TYPE, "a value of an axis is text in quotes")
                    .at(entry.span, format!("this is {}", other.what())),
            ),
            _ => {}
        }
    }
    given
}

fn wanted(
    mut cursor: Cursor<'_>,
    given: Vec<(Spanned<String>, Vec<Spanned<String>>)>,
    axes: &[Axis],
    sink: &mut Sink,
) -> Option<Selection> {
    let mut wanted = Vec::new();
    if given.is_empty() && cursor.mistakes() == 0 {
        let headline = format!("`{}` does not say of which images", cursor.name());
        let example = axes.first().map_or("type", |axis| axis.name.value.as_str());
        let help = format!("add an axis and its value: `{example}=\"…\"`");
        cursor.report(wrong(headline).at(cursor.head(), "").help(help));
    }
    for (name, values) in given {
        let Some(index) = axes.iter().position(|axis| axis.name == name) else {
            let found = wrong(format!("the matrix has no axis `{}`", name.value));
            let known = axes.iter().map(|axis| axis.name.value.as_str());
            cursor.report(suggest(found.at(name.span, "named here"), &name, Written::Bare, known));
            continue;
        };
        let axis = axes.get(index)?;
        for value in values.iter().filter(|value| !axis.values.contains(value)) {
            let headline = format!("`{}` is no value of the axis `{}`", value.value, name.value);
            let found = wrong(headline).at(value.span, "not one of them");
            let known = axis.values.iter().map(|value| value.value.as_str());
            let found = suggest(found, value, Written::Quoted, known);
            cursor.report(found.and(axis.name.span, "the axis"));
        }
        wanted.push((index, values.into_iter().map(|value| value.value).collect()));
    }
    let head = cursor.head();
    cursor.finish(sink).then_some(Selection { head, wanted })
}

fn cell(node: &Node, axes: &[Axis], sink: &mut Sink) -> Option<(Selection, ImageDecl)> {
    let mut cursor = Cursor::of(node, &CELL);
    let given = props(&mut cursor);
    if node.children.is_empty() {
        cursor.report(
            Diagnostic::error(codes::SYNTAX_EMPTY, "`cell` says nothing")
                .at(node.head, "")
                .help("write what its images have more between `{` and `}`"),
        );
    }
    let none = Spanned::new(String::new(), node.head);
    let decl = image::read(&mut cursor, none, "cell", sink);
    Some((wanted(cursor, given, axes, sink)?, decl))
}

/// An axis says its value alone: another one is reported and left out.
fn check_set(decl: &mut ImageDecl, axes: &[Axis], sink: &mut Sink) {
    decl.set.retain(|given| {
        let Some(axis) = axes.iter().find(|axis| axis.name == given.name) else { return true };
        let name = &given.name.value;
        let help = format!(
            "take it away: each image's `{name}` is the value of the axis that its name puts in"
        );
        sink.push(
            wrong(format!("`{name}` is an axis and is not set"))
                .at(given.name.span, "set here")
                .and(axis.name.span, "the axis")
                .help(help),
        );
        false
    });
}
