"""The sections of the report, one file each; `xai_compare.report.section` says what a section is."""
