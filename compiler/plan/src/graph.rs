//! The graph under construction, and questions about a finished one.

use std::collections::{BTreeMap, BTreeSet};

use forge_model::{Action, Digest, Edge, EdgeRole, Node, NodeId, Origin, Plan};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, Reversed};

/// The steps of one image, each after its inputs, numbered among themselves. Images know nothing of
/// each other here, so all processors can make them.
#[derive(Debug, Default)]
#[expect(clippy::vec_box, reason = "they go into a plan as they are")]
pub(crate) struct Steps(Vec<Box<Node>>);

/// A node of [`Steps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handle(usize);

impl Handle {
    /// The step's number among those of its image.
    pub(crate) fn local(self) -> NodeId {
        number(self.0)
    }
}

/// The nodes of an earlier plan, of which some move into a new one.
#[derive(Debug, Default)]
pub(crate) struct LastNodes {
    /// None of one that has moved.
    nodes: Vec<Option<Box<Node>>>,
    keys: Vec<Digest>,
    /// Their numbers in the new plan.
    moved: Vec<Option<NodeId>>,
}

impl LastNodes {
    #[expect(clippy::vec_box, reason = "they go from a plan into another one as they are")]
    pub(crate) fn new(nodes: Vec<Box<Node>>) -> Self {
        let keys = nodes.iter().map(|node| node.key).collect();
        let moved = vec![None; nodes.len()];
        Self { nodes: nodes.into_iter().map(Some).collect(), keys, moved }
    }

    /// The number in the new plan.
    pub(crate) fn number(&self, before: NodeId) -> Option<NodeId> {
        self.moved.get(before.0 as usize).copied().flatten()
    }
}

impl Steps {
    /// Adds a step with its plan key.
    pub(crate) fn add(
        &mut self,
        label: String,
        action: Action,
        inputs: Vec<(Handle, EdgeRole)>,
        origins: Vec<Origin>,
    ) -> Handle {
        let mut key = action.key_hasher();
        let own = key.so_far();
        for (input, role) in &inputs {
            key.digest(role.field(), &self.0[input.0].key);
        }
        let key = key.finish();
        let inputs =
            inputs.into_iter().map(|(input, role)| Edge { node: input.local(), role }).collect();
        let handle = Handle(self.0.len());
        let (id, images) = (handle.local(), Vec::new());
        self.0.push(Box::new(Node { id, label, action, inputs, key, own, origins, images }));
        handle
    }
}

/// Nodes of several images, each plan key once.
#[derive(Debug, Default)]
pub struct Graph {
    plan: Plan,
    by_key: BTreeMap<Digest, NodeId>,
    /// The image that brought each node, counted in the order in which they were added.
    brought: Vec<u32>,
    /// Images so far.
    images: u32,
}

/// Where the steps of an image are in a plan.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Placed {
    /// The number of each step, in the image's own order.
    pub(crate) numbers: Vec<NodeId>,
    /// Earlier images, of which steps stand here that say other places than this image's would.
    pub(crate) after: BTreeSet<u32>,
}

impl Graph {
    /// Adds the steps of an image. One with the plan key of an earlier one is that one, which the
    /// image uses too.
    ///
    /// Inputs are added before what stands on them, so the numbers are in topological order.
    pub(crate) fn add(&mut self, image: &str, steps: Steps) -> Placed {
        let mut placed = Placed::default();
        for mut node in steps.0 {
            let id = if let Some(known) = self.by_key.get(&node.key) {
                self.compare(*known, &node, &mut placed);
                *known
            } else {
                for input in &mut node.inputs {
                    input.node = placed.numbers[input.node.0 as usize];
                }
                self.push(node)
            };
            self.uses(image, id);
            placed.numbers.push(id);
        }
        self.images += 1;
        placed
    }

    /// Adds the steps of an image as they were in an earlier plan, in the image's own order. None where
    /// the plan and the order do not belong together.
    pub(crate) fn add_again(
        &mut self,
        image: &str,
        steps: &[NodeId],
        last: &mut LastNodes,
    ) -> Option<Placed> {
        let mut placed = Placed::default();
        for step in steps {
            let at = step.0 as usize;
            let id = if let Some(known) = self.by_key.get(last.keys.get(at)?) {
                if let Some(node) = last.nodes.get(at)? {
                    self.compare(*known, node, &mut placed);
                }
                *known
            } else {
                let mut node = last.nodes.get_mut(at)?.take()?;
                node.images.clear();
                for input in &mut node.inputs {
                    input.node = last.number(input.node)?;
                }
                self.push(node)
            };
            *last.moved.get_mut(at)? = Some(id);
            self.uses(image, id);
            placed.numbers.push(id);
        }
        self.images += 1;
        Some(placed)
    }

    /// Notes where a node says other places than the one that stands for it.
    fn compare(&self, known: NodeId, node: &Node, placed: &mut Placed) {
        let at = known.0 as usize;
        let stands = &self.plan.nodes[at];
        let Node { id: _, label, action, inputs: _, key: _, own: _, origins, images: _ } = node;
        let same = stands.label == *label
            && stands.origins == *origins
            && stands.action == *action
            && places(&stands.action).eq(places(action));
        if !same {
            placed.after.insert(self.brought[at]);
        }
    }

    fn push(&mut self, mut node: Box<Node>) -> NodeId {
        node.id = number(self.plan.nodes.len());
        let id = node.id;
        self.by_key.insert(node.key, id);
        self.brought.push(self.images);
        self.plan.nodes.push(node);
        id
    }

    fn uses(&mut self, image: &str, id: NodeId) {
        let images = &mut self.plan.nodes[id.0 as usize].images;
        // One image is added after the other.
        if images.last().is_none_or(|name| name != image) {
            images.push(image.to_owned());
        }
    }

    /// The nodes as a plan without images.
    pub(crate) fn finish(self) -> Plan {
        self.plan
    }

    /// A plan's nodes as a graph again, for questions about what stands on what.
    pub fn of(plan: &Plan) -> DiGraph<NodeId, EdgeRole> {
        let mut graph = DiGraph::new();
        let indices: Vec<_> = plan.nodes.iter().map(|node| graph.add_node(node.id)).collect();
        for node in &plan.nodes {
            for edge in &node.inputs {
                let (from, to) = (indices[edge.node.0 as usize], indices[node.id.0 as usize]);
                graph.add_edge(from, to, edge.role);
            }
        }
        graph
    }

    /// All nodes that stand on `root`, directly or not, `root` left out.
    pub fn dependents(plan: &Plan, root: NodeId) -> Vec<NodeId> {
        let graph = Self::of(plan);
        let start = NodeIndex::new(root.0 as usize);
        let mut search = Dfs::new(&graph, start);
        let mut found = Vec::new();
        while let Some(index) = search.next(&graph) {
            if index != start {
                found.push(graph[index]);
            }
        }
        found.sort_unstable();
        found
    }

    /// All nodes that `root` stands on, directly or not, `root` left out.
    pub fn requirements(plan: &Plan, root: NodeId) -> Vec<NodeId> {
        let graph = Self::of(plan);
        let start = NodeIndex::new(root.0 as usize);
        let reversed = Reversed(&graph);
        let mut search = Dfs::new(reversed, start);
        let mut found = Vec::new();
        while let Some(index) = search.next(reversed) {
            if index != start {
                found.push(graph[index]);
            }
        }
        found.sort_unstable();
        found
    }
}

/// The places in an action that its equality leaves out: those of [`forge_model::Located`].
fn places(action: &Action) -> impl Iterator<Item = &Origin> {
    let (names, files, holds) = match action {
        Action::Resolve(one) => (&one.names[..], &one.files[..], &one.holds[..]),
        Action::Packages(one) => (&one.names[..], &[][..], &one.holds[..]),
        _ => (&[][..], &[][..], &[][..]),
    };
    let texts = names.iter().chain(holds).map(|text| &text.origin);
    texts.chain(files.iter().map(|file| &file.origin))
}

/// The number of the node at this place.
fn number(index: usize) -> NodeId {
    NodeId(u32::try_from(index).unwrap_or(u32::MAX))
}
