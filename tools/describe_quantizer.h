/** What `nibble describe` says of a quantizer with its arguments, and its figure. */
#ifndef NIB_TOOLS_DESCRIBE_QUANTIZER_H
#define NIB_TOOLS_DESCRIBE_QUANTIZER_H

#include <stdbool.h>

#include "core/status.h"

/** Whether a text is meant to be a quantizer with arguments or a type: "quantized_bits(4,1)", "fixed<8,3>".
 */
bool nib_describe_is_quantizer(const char *text);

/** Print the quantizer with all its options, its warning, and the type its values lie on.
 *  Errors: NIB_ERR_CONFIG: it cannot be read. */
NIB_MUST_USE nib_status nib_describe_quantizer(const char *text, nib_error *err);

/** Draw transfer curve and gradient beside those of the float function, and a draw of the training forward
 * where that is another one. A name alone stands for its defaults. Script and data lie beside the figure.
 *  @param path  ends in .svg, .png or .pdf
 *  Errors: NIB_ERR_CONFIG as above; those of tools/figure.h. */
NIB_MUST_USE nib_status nib_describe_plot(const char *text, const char *path, nib_error *err);

#endif
