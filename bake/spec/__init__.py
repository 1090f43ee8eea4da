"""The language of bake.toml: text in, resolved targets out (SPEC §1). Nothing here reads files or the environment.

    text ─document, positions─▶ data ─file, layer, leaf (by keys, atoms, entries)─▶ SpecFile
    SpecFiles ─workspace─▶ Spec
    Spec + Request ─scope, overrides, nodes (linear, layer), variants (expansion, matrix), select, evaluate─▶ Resolved

A *leaf* is one written value with its place; a *layer* what one place says about targets; a *node* a declared target
with all layers laid over it; a *variant* one combination of its matrix. Entry points: `workspace.load`,
`resolve.resolve` and `resolve.check`; what is shown: `print.to_print`, `listing.listing`, `schema`, `docs`.
"""
