#include "tools/command.h"

#include <stdio.h>

int nib_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return 0;
}
