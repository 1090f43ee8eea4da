import networkx
from hypothesis import given
from hypothesis import strategies as st

from bake.plan.step import StepId
from bake.solve.frontier import Frontier, critical_path

Graph = dict[StepId, list[StepId]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    size = draw(st.integers(0, 9))
    return {
        StepId(str(n)): [StepId(str(i)) for i in draw(st.lists(st.integers(0, n - 1), max_size=3))] if n else []
        for n in range(size)
    }


def drain(frontier: Frontier) -> list[StepId]:
    order = []
    while frontier:
        step = frontier.pop()
        order.append(step)
        frontier.finish(step)
    return order


@given(graphs())
def test_every_step_comes_once_and_after_its_inputs(graph: Graph) -> None:
    order = drain(Frontier(graph))
    assert sorted(order) == sorted(graph)
    assert all(order.index(i) < order.index(step) for step, inputs in graph.items() for i in inputs)


@given(graphs(), st.data())
def test_closing_a_step_leaves_out_exactly_what_depends_on_it(graph: Graph, data: st.DataObject) -> None:
    if not graph:
        return
    failing = data.draw(st.sampled_from(sorted(graph)))
    frontier = Frontier(graph)
    done = []
    while frontier:
        step = frontier.pop()
        if step == failing:
            closed = frontier.close(step)
        else:
            done.append(step)
            frontier.finish(step)
    tree = networkx.DiGraph()
    tree.add_nodes_from(graph)
    tree.add_edges_from((i, step) for step, inputs in graph.items() for i in inputs)
    below = networkx.descendants(tree, failing)
    assert set(closed) == below
    assert set(done) == set(graph) - below - {failing}
    assert frontier.unfinished == []


@given(graphs())
def test_the_critical_path_is_the_longest_way_down(graph: Graph) -> None:
    length = critical_path(graph, lambda _: 1.0)
    tree = networkx.DiGraph()
    tree.add_nodes_from(graph)
    tree.add_edges_from((i, step) for step, inputs in graph.items() for i in inputs)
    for step in graph:
        below = tree.subgraph(networkx.descendants(tree, step) | {step})
        assert length[step] == networkx.dag_longest_path_length(below) + 1


def test_urgent_steps_come_first_and_plan_order_breaks_ties() -> None:
    frontier = Frontier({StepId(n): [] for n in "abc"})
    frontier.order_by({"a": 0.0, "b": 5.0, "c": 0.0}.__getitem__)
    assert drain(frontier) == ["b", "a", "c"]
