/* Whether this build has a sanitizer. Sweeps over all cases then take a share of them, spread over the whole:
 * every case is run where there is none, in half a minute instead of many. */
#ifndef NIB_TESTS_SANITIZED_H
#define NIB_TESTS_SANITIZED_H

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define NIB_SANITIZED 1
#endif
#endif
#if !defined(NIB_SANITIZED) && (defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__))
#define NIB_SANITIZED 1
#endif
#ifndef NIB_SANITIZED
#define NIB_SANITIZED 0
#endif

/** One in how many cases is run. */
#define NIB_ONE_IN(n) (NIB_SANITIZED ? (n) : 1)

#endif
