"""What containers printed, for whoever asks: found by seeking, read in blocks, sent at the reader's pace.

Enters: requests on `down.logs`, and the files that the supervisor writes and rotates meanwhile. Leaves: streams of text
(`proto.streams`), if the client wants with marks from which it can go on after a break (`proto.log_chunks`).

    files      the rotated files of one log, each opened once and then known by what it is, not by its name
    seeking    where the last lines of a file begin, or the lines since a time
    rendering  records as people see them, a block at a time
    reader     a place in one log: goes on over rotations, and says what it missed
    endings    the end of a log that is written no more
    server     `down.logs`

Rules of the room: nothing is done line by line where a whole block can be done at once; never more than one block is in
memory; a reader that is slow costs one open file, and the program that prints nothing at all.
"""
