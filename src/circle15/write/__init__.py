"""Write 写出: workbooks, CSV, GIS layers, verdicts and run records."""
