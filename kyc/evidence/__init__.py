"""Images at rest: validated, stripped to their pixels, sealed, stored, shredded.

Keep this file empty of imports: the decode cage imports it in a process that has no Django.
"""
