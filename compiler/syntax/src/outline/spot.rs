//! What stands at a byte of a text.

use super::Outline;
use crate::{Entry, Node};

/// What stands at a byte, and what it stands in.
#[derive(Clone, Debug)]
pub struct Spot<'a> {
    /// The nodes around it, the outermost first.
    pub parents: Vec<&'a Node>,
    /// What is there.
    pub place: Place<'a>,
}

/// What stands at a byte.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// A comment.
    Comment,
    /// A node's name.
    Name(&'a Node),
    /// Nothing: a node may begin here.
    Between,
    /// A property's name.
    Property(&'a Node, &'a Entry),
    /// An argument, or a property's value.
    Value(&'a Node, &'a Entry),
    /// Nothing, behind what a node holds so far: an argument or a property may follow.
    Behind(&'a Node),
}

impl Outline {
    /// What stands at the byte `at` of the text that this is the outline of. What ends there
    /// counts, too: a cursor behind a word is at the word.
    pub fn spot(&self, text: &str, at: usize) -> Spot<'_> {
        let inside = self.comments.iter().any(|span| {
            let (start, end) = (span.start as usize, span.end as usize);
            start < at && (at < end || (at == end && !text[start..end].ends_with("*/")))
        });
        let mut parents = Vec::new();
        let place = if inside { Place::Comment } else { find(&self.nodes, text, at, &mut parents) };
        Spot { parents, place }
    }
}

fn find<'a>(
    mut nodes: &'a [Node],
    text: &str,
    at: usize,
    parents: &mut Vec<&'a Node>,
) -> Place<'a> {
    'deeper: loop {
        for node in nodes {
            if let Some(place) = in_head(node, text, at) {
                return place;
            }
            let (head, end) = (node.head.end as usize, node.span.end as usize);
            let within = head < at && (at < end || (at == end && !closed(text, end)));
            // Behind the brace; one in a comment before it would be odd.
            if within && end > head && text.get(head..at).is_some_and(|text| text.contains('{')) {
                parents.push(node);
                nodes = &node.children;
                continue 'deeper;
            }
        }
        return Place::Between;
    }
}

fn closed(text: &str, end: usize) -> bool {
    text.get(..end).is_some_and(|text| text.ends_with('}'))
}

fn in_head<'a>(node: &'a Node, text: &str, at: usize) -> Option<Place<'a>> {
    let touches = |start: u32, end: u32| start as usize <= at && at <= end as usize;
    if touches(node.name.span.start, node.name.span.end) && !node.name.span.is_empty() {
        return Some(Place::Name(node));
    }
    for entry in &node.entries {
        if let Some(name) = &entry.name
            && touches(name.span.start, name.span.end)
        {
            return Some(Place::Property(node, entry));
        }
        let (start, end) = (entry.span.start as usize, entry.span.end as usize);
        if start <= at && at <= end {
            return Some(Place::Value(node, entry));
        }
    }
    let head = node.head.end as usize;
    let gap = text.get(head..at).filter(|gap| !gap.is_empty())?;
    let open = !gap.contains(['\n', ';', '{', '}']);
    open.then_some(Place::Behind(node))
}
