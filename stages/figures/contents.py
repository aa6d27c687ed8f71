"""What the report has, in its order: sections, figures with their questions, tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stages.figures import grids, grids_families, grids_noise, grids_shape, grids_theory
from stages.figures.cells import Grid
from stages.inference.facts import Facts
from stages.inference.outcomes import Tables

MakeGrid = Callable[[Tables, Facts], Grid]


@dataclass(frozen=True)
class Section:
    """A part of the page: figures by name, then tables."""

    key: str
    title: str
    lead: str
    figures: tuple[str, ...]
    grids: tuple[MakeGrid, ...]


SECTIONS = (
    Section(
        "few-shot",
        "Learning from few examples",
        "Each model’s embedding is frozen, and a head learns new classes from n examples a class.",
        (
            "alignment_fewshot",
            "groups_by_n",
            "groups_by_task",
            "correlation_by_n",
            "correlation_by_task",
        ),
        (),
    ),
    Section(
        "robustness",
        "Robustness",
        "How often each model is right on images that are harder than those it was trained on.",
        ("robustness",),
        (grids.table1, grids.table2),
    ),
    Section(
        "shape",
        "Is it a U?",
        "A U falls and then rises. A positive z² alone cannot tell it from a line that bends.",
        ("shape",),
        (grids_shape.u_tests,),
    ),
    Section(
        "all-correlations",
        "How far the correlations can be trusted",
        "The same correlations with models taken for independent draws, and with families.",
        (),
        (grids_shape.correlations, grids_shape.other_correlations),
    ),
    Section(
        "covariate",
        "The covariate",
        "Better models may be both more aligned and more accurate; so correlations are given one "
        "accuracy, the covariate.",
        ("covariate",),
        (grids.appendix_c,),
    ),
    Section(
        "families",
        "Families and factors",
        "Models of one family resemble each other; pairs that differ in one factor are compared.",
        ("families", "spread", "contrasts"),
        (grids_families.families, grids_families.factors, grids_families.contrasts),
    ),
    Section(
        "noise",
        "Noise",
        "How well judges agree with each other, and draws of examples with other draws.",
        ("noise", "reliability"),
        (grids_noise.ceilings, grids_noise.participants, grids_noise.reliability),
    ),
    Section(
        "measures",
        "Measures of alignment",
        "Three ways to compare a model’s similarities with those judged.",
        ("measures",),
        (grids.measures,),
    ),
    Section(
        "relabelled",
        "Relabelled images",
        "What a model gains where wrong labels are corrected.",
        ("relabelled",),
        (grids.appendix_d,),
    ),
    Section(
        "theory",
        "The theory, simulated",
        "Alice answers triplet queries; Bob hears each answer flipped with probability ε, and "
        "knows ε. What follows for queries, few-shot accuracy, domain shift and adversarial "
        "examples (the paper’s Section 3 and Appendix A), and where this study’s models stand. "
        "Everything here but the measured accuracy is simulated.",
        ("theory_fewshot", "bridge", "theory_queries", "theory_appendix"),
        (grids_theory.bridge, grids_theory.queries),
    ),
    Section("models-used", "Models", "", (), (grids_noise.models,)),
)

HEADINGS = {
    "alignment_fewshot": "Does accuracy from few examples dip at middling alignment?",
    "groups_by_n": "Who learns best: the most, the middling or the least aligned?",
    "groups_by_task": "The same, task by task",
    "correlation_by_n": "Does it matter how many examples there are?",
    "correlation_by_task": "Does it matter which task it is?",
    "covariate": "Are more aligned models simply better ones?",
    "robustness": "Does alignment go with accuracy on harder images?",
    "shape": "Does the conclusion hold whichever test is made?",
    "families": "Where do families of models lie?",
    "contrasts": "What changes when only one thing about a model does?",
    "noise": "How well could any model agree with the judgments?",
    "reliability": "Would other examples give the same ranking of models?",
    "spread": "How much do models differ in alignment, and how sure is that?",
    "relabelled": "Whom do corrected labels help?",
    "theory_fewshot": "What does the theory predict?",
    "bridge": "Does the theory rank the models rightly?",
    "theory_queries": "How many answers does it take to place an object?",
    "theory_appendix": "Domain shift and adversarial examples: does the theory hold?",
    "measures": "Do the three measures of alignment agree?",
}
