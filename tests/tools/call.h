/* A scratch folder, and commands called within the process with their output in hand. */
#ifndef NIB_TESTS_TOOLS_CALL_H
#define NIB_TESTS_TOOLS_CALL_H

typedef struct outcome {
    int status;
    char out[16384], err[4096]; /* the beginning of both streams */
} outcome;

/* Make a new folder and work in it; remove it with all that is in it. */
void enter_scratch(void);
void leave_scratch(void);

/* Run `nibble WORDS`; ~ stands for a blank within a word. In err the scratch folder reads "@". */
void call_nibble(const char *words, outcome *o);

#endif
