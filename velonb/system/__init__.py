"""What every room needs of the machine: files, locks, threads, signals, compiled code.

`files` writes whole or not at all, `locks` keeps two writers apart, `netcdf` saves datasets with
a checksum, `provenance` says what they were made with; `threads` counts the processors at hand,
`kept_code` keeps what was compiled, `signals` ends a program quietly. Nothing here knows of pixels.
"""
