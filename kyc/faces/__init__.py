"""Face templates in pgvector: enrolment, 1:1 against a template, 1:N search, lists."""
