/* test_view.c: pictures of volumes against geometry: areas of silhouettes, where the light comes
 * from, what lies where in the slices. */
#include "image/image.h"
#include "test.h"
#include <string.h>

static fcs_context *ctx;
static const double degree = 3.14159265358979323846 / 180;

typedef int filler(int x, int y, int z);

static fcs_image *volume(int side, filler *f)
{
    fcs_image *m = NULL;
    CHECK(fcs_image_new(ctx, side, side, side, 1, FCS_U8, &m) == FCS_OK);
    for (int i = 0; m && i < side * side * side; i++)
        ((unsigned char *)m->data)[i] =
            (unsigned char)f(i % side, i / side % side, i / side / side);
    return m;
}

static int split(int x, int y, int z) { return x < 16 ? 0 : 255 + 0 * (y + z); }
static int ball(int x, int y, int z)
{
    return (x - 32) * (x - 32) + (y - 32) * (y - 32) + (z - 32) * (z - 32) > 20 * 20 ? 255 : 0;
}

static const unsigned char *pixel(const fcs_image *m, int64_t x, int64_t y)
{
    return (const unsigned char *)m->data + (y * m->width + x) * 3;
}

static int64_t count(const fcs_image *m, bool (*is)(const unsigned char *p))
{
    int64_t n = 0;
    for (int64_t i = 0; i < m->width * m->height; i++)
        n += is((const unsigned char *)m->data + 3 * i);
    return n;
}
static bool is_drawn(const unsigned char *p) { return p[0] < 250; }
static bool is_blue(const unsigned char *p) { return p[2] > p[0] + 15; }

/* The picture's scale: the box fills 1 / 1.06 of the larger of width and height. */
static double pixel_size(double side, double az, double el, double pixels)
{
    double right = side * (fabs(cos(az)) + fabs(sin(az)));
    double up = side * ((fabs(sin(az)) + fabs(cos(az))) * fabs(sin(el)) + fabs(cos(el)));
    return 1.06 * fmax(right, up) / pixels;
}

static void test_silhouettes(void)
{
    const double az = 32 * degree, el = 26 * degree, size = pixel_size(32, az, el, 200);
    fcs_image *m = volume(32, split), *view = NULL, *cut = NULL;
    CHECK(fcs_render(ctx, m, &(fcs_render_options){.width = 200}, &view) == FCS_OK);
    CHECK(fcs_render(ctx, m, &(fcs_render_options){.width = 200, .cut = 0.5}, &cut) == FCS_OK);
    if (view && cut) {
        /* The area of a cube's silhouette: its faces, each times the cosine to the viewer. */
        double area = 32 * 32 * (sin(el) + cos(el) * (cos(az) + sin(az)));
        CHECK_NEAR((double)count(view, is_drawn), area / size / size, 0.02 * area / size / size);
        /* The cut lies inside the silhouette. */
        CHECK_NEAR((double)count(cut, is_drawn), (double)count(view, is_drawn), 0);
        CHECK(memcmp(view->data, cut->data, 200 * 200 * 3) != 0);
    }
    fcs_image_free(view);
    fcs_image_free(cut);
    fcs_image_free(m);
    m = volume(64, ball);
    view = NULL;
    CHECK(fcs_render(ctx, m, &(fcs_render_options){.width = 300, .transparent = "1"}, &view) ==
          FCS_OK);
    double disc = 3.14159265 * 20 * 20 / pow(pixel_size(64, az, el, 300), 2);
    if (view)
        CHECK_NEAR((double)count(view, is_blue), disc, 0.03 * disc);
    fcs_image_free(view);
    fcs_image_free(m);
}

static int sum_of(const unsigned char *p) { return p[0] + p[1] + p[2]; }

/* At 45 and 35.26 degrees the faces' centres lie round the middle: top above, y = 0 to the left, x
 * = high to the right. The light comes from the upper left. */
static void test_light(void)
{
    fcs_image *m = volume(32, split), *view = NULL;
    const fcs_render_options o = {
        .width = 200, .azimuth = 45, .elevation = 35.26, .threshold = 0.999};
    memset(m->data, 255, 32 * 32 * 32);
    CHECK(fcs_render(ctx, m, &o, &view) == FCS_OK);
    if (view) {
        int top = sum_of(pixel(view, 100, 55)), left = sum_of(pixel(view, 60, 125)),
            right = sum_of(pixel(view, 140, 125));
        CHECK(top > left + 20 && left > right + 20 && right > 100);
        CHECK(sum_of(pixel(view, 2, 2)) == 3 * 255);
    }
    fcs_image_free(view);
    fcs_image_free(m);
}

/* x decides: slices across z and y are split left and right, the one across x is all of one phase.
 */
static void test_layers(void)
{
    fcs_image *m = volume(32, split), *view = NULL;
    CHECK(fcs_render_layers(ctx, m, &(fcs_render_options){.width = 600}, &view) == FCS_OK);
    if (view) {
        CHECK(view->width == 600 && view->channels == 3);
        int64_t low = view->height - 60;
        CHECK(is_blue(pixel(view, 40, low)) && !is_blue(pixel(view, 170, low)));
        CHECK(is_blue(pixel(view, 240, low)) && !is_blue(pixel(view, 360, low)));
        CHECK(!is_blue(pixel(view, 430, low)) && !is_blue(pixel(view, 560, low)));
        CHECK(is_blue(pixel(view, 20, 50)) && !is_blue(pixel(view, 90, 50)));
    }
    fcs_image_free(view);
    fcs_image_free(m);
}

static void refuse(const fcs_image *m, fcs_render_options o, const char *word)
{
    fcs_image *view = NULL;
    CHECK(fcs_render(ctx, m, &o, &view) == FCS_FAILED && !view && strstr(fcs_message(ctx), word));
}

static void test_refusals(void)
{
    fcs_image *m = volume(32, split), *page = NULL;
    refuse(m, (fcs_render_options){.transparent = "0,1"}, "nothing is left");
    refuse(m, (fcs_render_options){.transparent = "5"}, "0 to 1");
    refuse(m, (fcs_render_options){.transparent = "x"}, "numbers");
    refuse(m, (fcs_render_options){.cut = 1}, "cut");
    refuse(m, (fcs_render_options){.cut = NAN}, "cut");
    refuse(m, (fcs_render_options){.elevation = 90}, "elevation");
    refuse(m, (fcs_render_options){.width = 100000}, "pixels");
    for (int i = 0; i < 32 * 32 * 32; i++)
        ((unsigned char *)m->data)[i] = (unsigned char)(i % 100);
    refuse(m, (fcs_render_options){.transparent = "0"}, "threshold");
    CHECK(fcs_image_new(ctx, 8, 8, 1, 1, FCS_U8, &page) == FCS_OK);
    refuse(page, (fcs_render_options){0}, "one page");
    fcs_image_free(page);
    fcs_image_free(m);
}

static void test_threads(void)
{
    fcs_context *mine = ctx;
    fcs_image *m = volume(64, ball), *one = NULL, *two = NULL;
    const fcs_render_options o = {.width = 90, .transparent = "0", .cut = 0.4};
    CHECK(fcs_render(ctx, m, &o, &two) == FCS_OK);
    CHECK(fcs_open(&ctx, &(fcs_options){.threads = 1}) == FCS_OK);
    CHECK(fcs_render(ctx, m, &o, &one) == FCS_OK);
    CHECK(one && two && memcmp(one->data, two->data, 90 * 90 * 3) == 0);
    fcs_close(ctx);
    ctx = mine;
    fcs_image_free(one);
    fcs_image_free(two);
    fcs_image_free(m);
}

int main(void)
{
    if (fcs_open(&ctx, &(fcs_options){.threads = 2}) != FCS_OK)
        return 1;
    test_silhouettes();
    test_light();
    test_layers();
    test_refusals();
    test_threads();
    fcs_close(ctx);
    return test_end();
}
