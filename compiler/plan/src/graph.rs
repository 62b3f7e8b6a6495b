//! The graph under construction: petgraph holds the nodes and what they stand on.

use std::collections::BTreeMap;

use forge_model::{Action, Digest, Edge, EdgeRole, Key, Node, NodeId, Origin, Plan};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, EdgeRef as _, Reversed};

/// A node before it has its final number.
#[derive(Clone, Debug)]
struct Draft {
    label: String,
    action: Action,
    key: Key,
    origins: Vec<Origin>,
    images: Vec<String>,
}

/// Nodes with the roles of their inputs; edges point from an input to what stands on it.
#[derive(Debug, Default)]
pub struct Graph {
    graph: DiGraph<Draft, (usize, EdgeRole)>,
    by_key: BTreeMap<Digest, NodeIndex>,
}

/// A node of a [`Graph`], before numbering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handle(NodeIndex);

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a step, or finds the one with the same plan key and notes that `image` uses it too.
    pub(crate) fn add(
        &mut self,
        image: &str,
        label: String,
        action: Action,
        inputs: &[(Handle, EdgeRole)],
        origins: Vec<Origin>,
    ) -> Handle {
        let mut key = action.key_builder();
        for (input, role) in inputs {
            let name = match role {
                EdgeRole::Lower => "input: the layers below",
                EdgeRole::List => "input: the package list",
                EdgeRole::Installed => "input: the packages installed before",
                EdgeRole::Source => "input: a fetched file",
                EdgeRole::Verdict => "input: a verdict",
            };
            key.digest(name, &self.graph[input.0].key.digest);
        }
        let key = key.finish();
        if let Some(found) = self.by_key.get(&key.digest) {
            let images = &mut self.graph[*found].images;
            if !images.iter().any(|name| name == image) {
                images.push(image.to_owned());
            }
            return Handle(*found);
        }
        let digest = key.digest;
        let images = vec![image.to_owned()];
        let index = self.graph.add_node(Draft { label, action, key, origins, images });
        for (position, (input, role)) in inputs.iter().enumerate() {
            self.graph.add_edge(input.0, index, (position, *role));
        }
        self.by_key.insert(digest, index);
        Handle(index)
    }

    /// Numbers the nodes so that each comes after its inputs. The order is that of addition,
    /// which is already topological since inputs are added first.
    pub(crate) fn finish(self) -> Plan {
        let mut plan = Plan::default();
        for index in self.graph.node_indices() {
            let mut edges: Vec<_> = self
                .graph
                .edges_directed(index, petgraph::Direction::Incoming)
                .map(|edge| (edge.weight().0, edge.source(), edge.weight().1))
                .collect();
            edges.sort_by_key(|(position, _, _)| *position);
            let inputs = edges
                .into_iter()
                .map(|(_, source, role)| Edge { node: Self::number(Handle(source)), role })
                .collect();
            let Draft { label, action, key, origins, images } = self.graph[index].clone();
            let id = Self::number(Handle(index));
            plan.nodes.push(Node { id, label, action, inputs, key, origins, images });
        }
        plan
    }

    /// The number that a node has in the finished plan.
    pub(crate) fn number(handle: Handle) -> NodeId {
        NodeId(u32::try_from(handle.0.index()).unwrap_or(u32::MAX))
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
