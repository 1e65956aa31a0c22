"""What a report counts and prints."""

import torch

from videossl.checkpoints import KeyReport
from videossl.checkpoints.report import by_module, few


def tensors(**shapes):
    return {name.replace('__', '.'): torch.zeros(*shape) for name, shape in shapes.items()}


def test_names_and_shapes_of_two_nets_are_compared():
    report = KeyReport.compare(tensors(a=[2], b=[3], c__d=[1]), tensors(a=[2], b=[4], e=[1]))
    assert report == KeyReport(taken=['a'], dropped=['c.d'], missing=['e'], mismatched=['b (3,) for (4,)'])
    assert report.faults() == ['1 missing: e', '1 unexpected: c.d', '1 of another shape: b (3,) for (4,)']
    assert KeyReport.compare(tensors(a=[2]), tensors(a=[2])).faults() == []


def test_a_report_prints_modules_with_counts_and_its_notes():
    report = KeyReport(['a.b.weight', 'a.b.bias', 'c'], mismatched=['d.e.f (1,) for (2,)'], notes=['A note.'])
    assert str(report).splitlines() == [
        '3 tensors taken, 0 dropped, 0 missing, 1 of another shape',
        '  taken: a.b (2), c (1)',
        '  of another shape: d.e.f (1,) for (2,)',
        '  A note.',
    ]
    assert by_module(['a.b.c.d', 'a.b.e.f']) == ['a.b (2)']
    assert (few(list('abc')), few(list('abcde'))) == ('a, b, c', 'a, b, c and 2 more')
