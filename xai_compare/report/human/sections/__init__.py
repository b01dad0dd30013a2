"""The sections of the human page; `xai_compare.report.section` says what a section is."""
