//! The graph under construction, and questions about a finished one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

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
}

impl Graph {
    /// Adds the steps of an image; gives the number of each in the finished plan. One with the plan
    /// key of an earlier one is that one, which the image uses too.
    ///
    /// Inputs are added before what stands on them, so the numbers are in topological order.
    pub(crate) fn add(&mut self, image: &str, steps: Steps) -> Vec<NodeId> {
        let nodes = &mut self.plan.nodes;
        let mut numbers: Vec<NodeId> = Vec::with_capacity(steps.0.len());
        for mut node in steps.0 {
            let id = match self.by_key.entry(node.key) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(place) => {
                    let id = number(nodes.len());
                    node.id = id;
                    for input in &mut node.inputs {
                        input.node = numbers[input.node.0 as usize];
                    }
                    nodes.push(node);
                    *place.insert(id)
                }
            };
            let images = &mut nodes[id.0 as usize].images;
            // One image is added after the other.
            if images.last().is_none_or(|name| name != image) {
                images.push(image.to_owned());
            }
            numbers.push(id);
        }
        numbers
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

/// The number of the node at this place.
fn number(index: usize) -> NodeId {
    NodeId(u32::try_from(index).unwrap_or(u32::MAX))
}
