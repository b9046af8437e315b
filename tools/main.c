#include "tools/command.h"

int main(int argc, char **argv)
{
    return nib_main(argc, argv);
}
