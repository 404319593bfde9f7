"""Active liveness: ask for something that could not be known before, and judge the frames that come.

Nothing the page says is believed but the frames themselves and when they arrived. The order of reading:
`draw` (what is asked), `observe` (a frame into numbers), one module for each signal, `judge` (the verdict).

Renders of photographs test it (`ml.liveness.synthetic`, `trial`); no figure here is an ISO/IEC 30107-3 evaluation.
"""
